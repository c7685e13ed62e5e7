import { idOf } from "@axle/core/manifest/object.ts";
import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import type { AppClients } from "./app-clients.ts";
import { isSameVersion, wouldChange, wouldCreate } from "./compare-live.ts";
import { eachBounded } from "./each-bounded.ts";
import type { ObjectBook } from "./object-book.ts";
import type { OwnedObjects } from "./owned-objects.ts";
import type { KindKey } from "./owned-watches.ts";
import { APP_LABEL, FIELD_MANAGER } from "./ownership-mark.ts";

export interface VerifyOptions {
  readonly client: KubeClient;
  readonly clients: AppClients;
  readonly book: ObjectBook;
  readonly owned: OwnedObjects;
  readonly signal: AbortSignal;
}

/** Few at once: this runs beside real work. */
const CONCURRENCY = 4;

/**
 * Compares everything we own with a dry-run of what we applied, to find what watches cannot show (a webhook or a default
 * that changed, a kind that cannot be watched). What differs is treated as drift. A kind that fails does not keep the
 * others from being looked at; it is thrown in the end.
 */
export async function verifyCluster(options: VerifyOptions): Promise<void> {
  let first: KubeError | undefined;
  for (const kind of options.book.kinds) {
    try {
      await verifyKind(kind, options);
    } catch (error) {
      const failure = KubeError.from(error);
      if (options.signal.aborted || failure.isServerAway) throw failure;
      if (failure.code === "not-supported") await lookAtEach(kind, options);
      else first ??= failure;
    }
  }
  if (first !== undefined) throw first;
}

async function verifyKind(kind: KindKey, options: VerifyOptions): Promise<void> {
  const { client, owned, signal } = options;
  const slash = kind.lastIndexOf("/");
  const resource = await client.discovery.find(kind.slice(0, slash), kind.slice(slash + 1));
  const ids = new Set<ObjectId>();
  let resourceVersion = "";
  for await (const page of client.list(resource, { labelSelector: APP_LABEL, pageSize: 100, signal })) {
    for (const live of page.items) {
      ids.add(idOf(live));
      owned.seen(live);
    }
    await eachBounded(page.items, CONCURRENCY, (live) => verifyOne(live, options));
    resourceVersion = page.resourceVersion;
  }
  owned.listed(kind, ids, resourceVersion);
}

/** Of a kind that cannot be listed. */
async function lookAtEach(kind: KindKey, options: VerifyOptions): Promise<void> {
  const { book, owned, signal } = options;
  const known = [...book.values()].filter(({ source }) => `${source.apiVersion}/${source.kind}` === kind);
  await eachBounded(known, CONCURRENCY, (object) => owned.look(object, signal));
}

async function verifyOne(live: KubeObject, options: VerifyOptions): Promise<void> {
  const { clients, book, owned, signal } = options;
  signal.throwIfAborted();
  const known = book.get(idOf(live));
  if (known === undefined || known.standing !== "clean" || known.paused) return;
  const prepared = owned.prepare(known, live);
  try {
    const dryRun = await clients.of(known.app).apply(prepared, { dryRun: true, manager: FIELD_MANAGER, signal });
    // Written since it was listed, the two say nothing of each other; its event is judged, and the next comparison is near.
    if (wouldCreate(dryRun) || !isSameVersion(dryRun, live)) return;
    if (wouldChange(dryRun, live, FIELD_MANAGER)) owned.differs(known, live);
  } catch (error) {
    const failure = KubeError.from(error);
    if (signal.aborted || failure.isServerAway) throw failure;
  }
}
