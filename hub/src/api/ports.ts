import type { FleetCluster } from "@axle/core/fleet/cluster.ts";
import type { AppRecord } from "@axle/core/placement/app-record.ts";
import type { ResolvedApp } from "@axle/core/placement/variant.ts";
import type { DeletionApproval, SliceNumber } from "@axle/core/slice/slice.ts";
import type { FleetRecord } from "../ports.ts";
import type { PublishedSlices } from "../sessions/ports.ts";

/** What the API shows of the loop's state. Everything is as of the last turn of the loop, and cheap to ask. Implemented by the loop. */
export interface FleetReader extends PublishedSlices {
  /** Undefined until the first commit was read. */
  fleet(): FleetRecord | undefined;
  /** By cluster id; of the commits in the fleet's record. */
  publishedBy(commit: string): Readonly<Record<string, SliceNumber>>;
  repository(): RepositoryState;
  /** By name. */
  apps(): ReadonlyMap<string, AppRecord>;
  /** As resolved at the accepted commit, by app: who gets what, and why. */
  resolved(): ReadonlyMap<string, ResolvedApp>;
  /** Active clusters with the labels the repository gives them. */
  clusters(): readonly FleetCluster[];
  /** Not expired, for one cluster. */
  approvals(clusterId: string): readonly DeletionApproval[];
}

export interface RepositoryState {
  readonly url: string;
  readonly branch: string;
  /** 0 before the first. */
  readonly lastFetchMs: number;
  /** "" when the last fetch worked. */
  readonly fetchError: string;
}

/** What the API asks the loop to do. Resolves when it is done (and audited), rejects with a CallError. Implemented by the loop. */
export interface FleetCommands {
  approve(approval: ApprovalOrder, signal: AbortSignal): Promise<DeletionApproval>;
  /** A person's yes to a rewritten branch, by its head or the beginning of it. Gives the head. */
  allowRewrite(order: { commit: string; actor: string }, signal: AbortSignal): Promise<string>;
  /** Look at the repository now. `atMs`: when the word came. Never waits. */
  poke(reason: "hook", atMs: number): void;
}

export interface ApprovalOrder {
  readonly clusterId: string;
  readonly app: string;
  readonly hash: string;
  readonly expiresAtMs: number;
  /** For the audit. */
  readonly actor: string;
}
