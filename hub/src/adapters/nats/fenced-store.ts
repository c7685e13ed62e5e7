import type { RenderRecord, Store, StoredState, StoreEntry } from "../../ports.ts";
import type { HubConnection } from "./hub-connection.ts";
import type { Leadership } from "./leadership.ts";
import { collectPacks } from "./pack-collection.ts";
import { PackStore } from "./pack-store.ts";
import type { OutgoingMessage } from "./publish.ts";
import { GONE_HEADERS } from "./publish.ts";
import { listSubjects, purgeUpTo, readMany, readNewest } from "./read-messages.ts";
import type { StoredMessage } from "./read-messages.ts";
import * as records from "./state-records.ts";
import { FLEET_SUBJECT, keyOf, STATE_STREAM, subjectOf } from "./subjects.ts";
import type { KeyPrefix } from "./subjects.ts";
import { timeOrderedIds } from "./time-ordered-id.ts";

export interface FencedStoreOptions {
  readonly connection: HubConnection;
  readonly leadership: Leadership;
  /** How long a pack nobody refers to is kept at least. */
  readonly packGraceMs?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

const PACK_GRACE_MS = 24 * 3_600_000;

/**
 * The leader's store: all writes go through its {@link Leadership}. Reads are those of one term: what this leader wrote
 * or found when it took over, for nobody else writes meanwhile.
 */
export class FencedStore implements Store {
  readonly #connection: HubConnection;
  readonly #leadership: Leadership;
  readonly #packs: PackStore;
  readonly #packGraceMs: number;
  readonly #now: () => number;
  readonly #nextAuditId = timeOrderedIds();
  /** Packs this process handed out or stored, and when: not collected although no record refers to them yet. */
  readonly #used = new Map<string, number>();
  /** Packs that are being removed, or were: whoever remembers one has to put it again. */
  readonly #gone = new Set<string>();

  constructor(options: FencedStoreOptions) {
    this.#connection = options.connection;
    this.#leadership = options.leadership;
    this.#packGraceMs = options.packGraceMs ?? PACK_GRACE_MS;
    this.#now = options.now ?? Date.now;
    this.#packs = new PackStore(options.connection, { graceMs: this.#packGraceMs, now: this.#now });
  }

  /**
   * Subjects are listed by the stream's leader, then read in bulk; any replica may answer if it has seen our lease, for
   * all that earlier leaders wrote is before it. (Rejected: one `MSG.GET` per key, ten times slower.)
   */
  async load(signal: AbortSignal): Promise<StoredState> {
    await this.#leadership.settle(signal);
    const list = (filter: string) => listSubjects(this.#connection, { stream: STATE_STREAM, filter }, signal);
    const lists = await Promise.all([
      list(FLEET_SUBJECT),
      list("axle.app.*"),
      list("axle.slice.*"),
      list("axle.approvals.*"),
      list("axle.commit.*"),
      list("axle.source.*"),
    ]);
    const found = await this.#readMany(lists.flat(), signal);
    const parseAll = <T>(prefix: KeyPrefix, parse: (message: StoredMessage) => T) =>
      new Map(
        found.flatMap((message) => {
          const key = keyOf(prefix, message.subject);
          return key === undefined ? [] : [[key, parse(message)] as const];
        }),
      );
    const fleet = found.find((message) => message.subject === FLEET_SUBJECT);
    const sources = [...parseAll("source", records.parseSource).values()];
    return {
      fleet: fleet === undefined ? undefined : records.parseFleet(fleet),
      apps: parseAll("app", records.parseApp),
      slices: parseAll("slice", records.parseSliceHead),
      approvals: parseAll("approvals", records.parseApprovals),
      published: parseAll("commit", records.parsePublished),
      sources: new Map(sources.map(({ key, digest }) => [key, digest])),
      sourceUses: new Map(
        sources.flatMap(({ key, usedAtMs }) => (usedAtMs === undefined ? [] : [[key, usedAtMs] as const])),
      ),
    };
  }

  async findRender(key: string, signal: AbortSignal): Promise<RenderRecord | undefined> {
    const found = await this.#newest(records.renderSubjectOf(key), signal);
    if (found === undefined) return undefined;
    const record = records.parseRender(found);
    return this.usePack(record.pack.digest) ? record : undefined;
  }

  usePack(digest: string): boolean {
    if (this.#gone.has(digest)) return false;
    this.#used.set(digest, this.#now());
    return true;
  }

  async findObjects(
    digests: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, RenderRecord["objects"]>> {
    const found = await this.#readMany(
      digests.map((digest) => subjectOf("index", digest)),
      signal,
    );
    return new Map(
      found.map((message) => [keyOf("index", message.subject) ?? "", records.parseIndex(message).objects]),
    );
  }

  async putPack(digest: string, data: Uint8Array, signal: AbortSignal): Promise<{ chunks: number }> {
    this.#used.set(digest, this.#now());
    const put = await this.#packs.put(digest, data, signal);
    this.#gone.delete(digest);
    return put;
  }

  /** The encrypted bytes. Throws StoreError `corrupt` when the pack is not there whole. */
  readPack(ref: { readonly digest: string; readonly chunks: number }, signal: AbortSignal): Promise<Uint8Array> {
    return this.#packs.read(ref, signal);
  }

  async write(entries: readonly StoreEntry[], signal: AbortSignal): Promise<void> {
    if (entries.length === 0) return;
    await this.#writeMessages(
      entries.flatMap((entry) => records.messagesOf(entry, this.#nextAuditId)),
      signal,
    );
  }

  /**
   * Removes packs that are not live and older than the grace period, after the memo's records that lead to them.
   * Resolves with how many. `liveDigests` must hold every pack that any app record, its history or a slice refers to.
   */
  async collectPacks(liveDigests: ReadonlySet<string>, signal: AbortSignal): Promise<number> {
    const oldestMs = this.#now() - this.#packGraceMs;
    for (const [digest, atMs] of this.#used) if (atMs < oldestMs) this.#used.delete(digest);
    const isKept = (digest: string): boolean => liveDigests.has(digest) || this.#used.has(digest);
    return collectPacks(
      {
        packs: this.#packs,
        isKept,
        giveUp: (digest) => {
          if (isKept(digest)) return false;
          this.#gone.add(digest);
          return true;
        },
        listMemo: async () => {
          const filter = { stream: STATE_STREAM, filter: "axle.render.*" };
          return this.#readMany(await listSubjects(this.#connection, filter, signal), signal);
        },
        forget: (subjects) => this.#writeMessages(subjects.map(records.goneMessage), signal),
        oldestMs,
      },
      signal,
    );
  }

  async #writeMessages(messages: readonly OutgoingMessage[], signal: AbortSignal): Promise<void> {
    const sequences = await this.#leadership.write(messages, signal);
    const gone = messages.flatMap((message, index) =>
      message.headers === GONE_HEADERS ? [{ subject: message.subject, sequence: sequences[index] ?? 0 }] : [],
    );
    // The marker itself; what was written to its subject since then stays, whoever leads.
    for (const { subject, sequence } of gone) {
      await purgeUpTo(this.#connection, { stream: STATE_STREAM, filter: subject, sequence }, signal);
    }
  }

  async #newest(subject: string, signal: AbortSignal): Promise<StoredMessage | undefined> {
    const found = await readNewest(this.#connection, { stream: STATE_STREAM, subject }, signal);
    return found === undefined || records.isGone(found) ? undefined : found;
  }

  async #readMany(subjects: readonly string[], signal: AbortSignal): Promise<readonly StoredMessage[]> {
    const where = { stream: STATE_STREAM, subjects, upTo: this.#leadership.sequence };
    const found = await readMany(this.#connection, where, signal);
    return found.filter((message) => !records.isGone(message));
  }
}
