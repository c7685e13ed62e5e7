import type { PackStore } from "./pack-store.ts";
import type { StoredMessage } from "./read-messages.ts";
import { parseRender } from "./state-records.ts";
import { subjectOf } from "./subjects.ts";

export interface CollectionRequest {
  readonly packs: PackStore;
  /** Referred to, or in use by this process. */
  readonly isKept: (digest: string) => boolean;
  /** False when it is kept after all; else nobody is handed it any more until it is put again. */
  readonly giveUp: (digest: string) => boolean;
  /** Every record of the render memo. */
  readonly listMemo: () => Promise<readonly StoredMessage[]>;
  /** Removes subjects of the state stream, fenced. */
  readonly forget: (subjects: readonly string[]) => Promise<void>;
  /** Packs written after this stay, milliseconds since 1970. */
  readonly oldestMs: number;
}

/**
 * Mark and sweep of packs. First the memo forgets them, in a fenced write: from then on no leader, this one or a later
 * one, can come upon the pack without putting it again, and putting a pack again moves it out of the sweep's reach. A
 * leader that lost its lease fails at the fenced write and sweeps nothing.
 */
export async function collectPacks(request: CollectionRequest, signal: AbortSignal): Promise<number> {
  const { packs, isKept, oldestMs } = request;
  const listed = await packs.list((digest) => !isKept(digest), signal);
  const doomed = listed.filter((pack) => pack.atMs < oldestMs && !isKept(pack.digest));
  if (doomed.length === 0) return 0;
  const digests = new Set(doomed.map((pack) => pack.digest));
  const memo = (await request.listMemo()).map((message) => ({ message, digest: parseRender(message).pack.digest }));
  // While the memo was read a pack may have been handed out again.
  const given = new Set([...digests].filter((digest) => request.giveUp(digest)));
  await request.forget([
    ...memo.flatMap(({ message, digest }) => (given.has(digest) ? [message.subject] : [])),
    ...[...given].map((digest) => subjectOf("index", digest)),
  ]);
  let swept = 0;
  for (const pack of doomed) {
    if (!given.has(pack.digest) || isKept(pack.digest)) continue;
    await packs.purge(pack, signal);
    swept += 1;
  }
  return swept;
}
