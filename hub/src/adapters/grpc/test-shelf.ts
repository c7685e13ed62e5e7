import type { FleetCluster } from "@axle/core/fleet/cluster.ts";
import type { AppRecord } from "@axle/core/placement/app-record.ts";
import type { DeletionApproval, SliceNumber } from "@axle/core/slice/slice.ts";
import type { ApprovalOrder, FleetCommands, FleetReader } from "../../api/ports.ts";
import type { FleetRecord, PublishedSlices } from "../../ports.ts";

/** For tests: what the loop would tell, set by hand. */
export class Shelf implements FleetReader, FleetCommands {
  record: FleetRecord | undefined;
  readonly records = new Map<string, AppRecord>();
  readonly numbers = new Map<string, SliceNumber>();
  readonly publications = new Map<string, PublishedSlices>();
  readonly merged: FleetCluster[] = [];
  readonly pokes: number[] = [];
  readonly given: DeletionApproval[] = [];
  branch = "main";
  readonly #listeners = new Set<(clusterIds: readonly string[]) => void>();

  publish(clusterId: string, number: SliceNumber): void {
    this.numbers.set(clusterId, number);
    for (const listener of this.#listeners) listener([clusterId]);
  }

  fleet() {
    return this.record;
  }

  publishedBy(commit: string) {
    return this.publications.get(commit) ?? {};
  }

  repository() {
    return { url: "https://git.example.com/fleet", branch: this.branch, lastFetchMs: 0, fetchError: "" };
  }

  apps() {
    return this.records;
  }

  resolved() {
    return new Map();
  }

  clusters() {
    return this.merged;
  }

  approvals() {
    return this.given;
  }

  expected(clusterId: string) {
    return this.numbers.get(clusterId);
  }

  onPublished(listener: (clusterIds: readonly string[]) => void) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async approve({ app, hash, expiresAtMs }: ApprovalOrder): Promise<DeletionApproval> {
    const approval = { id: "a-1", app, hash, expiresAtMs };
    this.given.push(approval);
    return approval;
  }

  async allowRewrite({ commit }: { commit: string }): Promise<string> {
    return commit;
  }

  poke(_reason: "hook", atMs: number): void {
    this.pokes.push(atMs);
  }
}
