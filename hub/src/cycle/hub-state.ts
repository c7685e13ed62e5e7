import type { AppRecord } from "@axle/core/placement/app-record.ts";
import type { DeletionApproval } from "@axle/core/slice/slice.ts";
import { Serial } from "@axle/runtime/serial.ts";
import type {
  FleetRecord,
  PublishedSlices,
  RenderRecord,
  SliceRecord,
  Store,
  StoredState,
  StoreEntry,
} from "../ports.ts";

/**
 * What the leader stored, as it stands in memory. It changes only after a write was acknowledged: whoever reads it sees
 * nothing that could still be refused. After a write that failed nobody knows what was stored (some batches, or all of
 * them and only the answer was lost), so the store is read again before anything else is decided: a slice's number that
 * may be out there must never be given twice.
 */
export class HubState {
  fleet: FleetRecord | undefined;
  readonly apps = new Map<string, AppRecord>();
  readonly slices = new Map<string, SliceRecord>();
  readonly approvals = new Map<string, readonly DeletionApproval[]>();
  /** By commit; of the commits in the fleet's record. */
  readonly published = new Map<string, PublishedSlices>();
  /** By source key: the digest it was first seen with. */
  readonly sources = new Map<string, string>();
  /** By source key: when it was last known to be used, where that was noted. */
  readonly sourceUses = new Map<string, number>();
  /** Objects of packs by digest, for guards. Grows with the packs seen since the start, and is emptied of others by `keepObjects`. */
  readonly objects = new Map<string, RenderRecord["objects"]>();
  /** Whoever writes what depends on this state takes its turn here. */
  readonly #writing = new Serial();
  #isUnsure = false;
  #version = 0;

  constructor(stored: StoredState) {
    this.#take(stored);
  }

  /** Grows with every change of what a cycle decides from. */
  get version(): number {
    return this.#version;
  }

  /** Reads the store again where memory may differ from it; to be called before deciding anything. */
  refresh(store: Pick<Store, "load">, signal: AbortSignal): Promise<void> {
    return this.#writing.run(() => this.#refresh(store, signal));
  }

  /**
   * Writes what `decide` makes of the state as it stands then, and takes it over. False when there was nothing to write.
   * Rejects with what the store throws; the state is as before then.
   */
  write(
    store: Pick<Store, "load" | "write">,
    decide: () => readonly StoreEntry[],
    signal: AbortSignal,
  ): Promise<boolean> {
    return this.#writing.run(async () => {
      await this.#refresh(store, signal);
      const entries = decide();
      if (entries.length === 0) return false;
      try {
        await store.write(entries, signal);
      } catch (error) {
        this.#isUnsure = true;
        throw error;
      }
      for (const entry of entries) this.#apply(entry);
      return true;
    });
  }

  /** Forgets the objects of packs no app uses any more. */
  keepObjects(): void {
    const used = new Set([...this.apps.values()].flatMap((record) => record.packs.map((pack) => pack.digest)));
    for (const digest of this.objects.keys()) if (!used.has(digest)) this.objects.delete(digest);
  }

  async #refresh(store: Pick<Store, "load">, signal: AbortSignal): Promise<void> {
    if (!this.#isUnsure) return;
    this.#take(await store.load(signal));
    this.#isUnsure = false;
  }

  #take(stored: StoredState): void {
    this.#version += 1;
    this.fleet = stored.fleet;
    replaceAll(this.apps, stored.apps);
    replaceAll(this.slices, stored.slices);
    replaceAll(this.approvals, stored.approvals);
    replaceAll(this.published, stored.published);
    replaceAll(this.sources, stored.sources);
    replaceAll(this.sourceUses, stored.sourceUses ?? new Map());
  }

  #apply(entry: StoreEntry): void {
    switch (entry.type) {
      case "fleet":
        this.fleet = entry.record;
        return;
      case "published":
        this.published.set(entry.commit, entry.slices);
        return;
      case "published-gone":
        this.published.delete(entry.commit);
        return;
      case "source":
        // Of the commit as it is read, not of what a cycle makes of it: the version stays.
        this.sources.set(entry.key, entry.digest);
        this.sourceUses.set(entry.key, entry.usedAtMs);
        return;
      case "source-gone":
        this.sources.delete(entry.key);
        this.sourceUses.delete(entry.key);
        return;
      case "audit":
        return;
      case "render":
        this.objects.set(entry.record.pack.digest, entry.record.objects);
        return;
      case "app":
        this.apps.set(entry.record.app, entry.record);
        break;
      case "app-gone":
        this.apps.delete(entry.app);
        break;
      case "slice":
        this.slices.set(entry.envelope.cluster, { number: entry.envelope.number, content: entry.content });
        break;
      case "slice-gone":
        this.slices.delete(entry.cluster);
        break;
      case "approvals":
        if (entry.approvals.length === 0) this.approvals.delete(entry.cluster);
        else this.approvals.set(entry.cluster, entry.approvals);
        break;
    }
    this.#version += 1;
  }
}

function replaceAll<T>(target: Map<string, T>, source: ReadonlyMap<string, T>): void {
  target.clear();
  for (const [key, value] of source) target.set(key, value);
}
