import type { AppRecord } from "@axle/core/placement/app-record.ts";
import type { DeletionApproval } from "@axle/core/slice/slice.ts";
import { Serial } from "@axle/runtime/serial.ts";
import type { FleetRecord, RenderRecord, SliceRecord, StoredState, StoreEntry } from "../ports.ts";

/**
 * What the leader stored, as it stands in memory. It changes only after a write was acknowledged: whoever reads it sees
 * nothing that could still be refused.
 */
export class HubState {
  /** Whoever writes what depends on this state takes its turn here: read, write, apply. */
  readonly writing = new Serial();
  fleet: FleetRecord | undefined;
  readonly apps: Map<string, AppRecord>;
  readonly slices: Map<string, SliceRecord>;
  readonly approvals: Map<string, readonly DeletionApproval[]>;
  /** Objects of packs by digest, for guards. Grows with the packs seen since the start, and is emptied of others by `keepObjects`. */
  readonly objects = new Map<string, RenderRecord["objects"]>();

  constructor(stored: StoredState) {
    this.fleet = stored.fleet;
    this.apps = new Map(stored.apps);
    this.slices = new Map(stored.slices);
    this.approvals = new Map(stored.approvals);
  }

  /** Takes over what was written. */
  applied(entries: readonly StoreEntry[]): void {
    for (const entry of entries) this.#apply(entry);
  }

  /** Forgets the objects of packs no app uses any more. */
  keepObjects(): void {
    const used = new Set([...this.apps.values()].flatMap((record) => record.packs.map((pack) => pack.digest)));
    for (const digest of this.objects.keys()) if (!used.has(digest)) this.objects.delete(digest);
  }

  #apply(entry: StoreEntry): void {
    switch (entry.type) {
      case "fleet":
        this.fleet = entry.record;
        return;
      case "app":
        this.apps.set(entry.record.app, entry.record);
        return;
      case "app-gone":
        this.apps.delete(entry.app);
        return;
      case "render":
        this.objects.set(entry.record.pack.digest, entry.record.objects);
        return;
      case "slice":
        this.slices.set(entry.envelope.cluster, { number: entry.envelope.number, content: entry.content });
        return;
      case "slice-gone":
        this.slices.delete(entry.cluster);
        this.approvals.delete(entry.cluster);
        return;
      case "approvals":
        if (entry.approvals.length === 0) this.approvals.delete(entry.cluster);
        else this.approvals.set(entry.cluster, entry.approvals);
        return;
      case "audit":
        return;
    }
  }
}
