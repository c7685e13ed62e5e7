import type { Place } from "./problem.ts";

/** What a Cluster file in the repository says. */
export interface ClusterFile {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, unknown>>;
  readonly declaredAt: Place;
}

/** A cluster as the resolver sees it: what registered, with what the repository adds (label by label, the file wins). */
export interface FleetCluster {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, unknown>>;
  /** What the agent says of itself: may narrow a match, never make one. */
  readonly facts: ClusterFacts;
}

export interface ClusterFacts {
  /** e.g. `v1.37.0`; empty until the agent said so. */
  readonly kubernetesVersion: string;
  readonly provider: string;
  readonly nodes: number;
  /** `group/version/Kind`, sorted. */
  readonly apiVersions: readonly string[];
}
