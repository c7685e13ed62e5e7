import type { Cluster, ClusterOptions } from "./cluster.ts";
import { ExistingClusters } from "./existing-clusters.ts";
import { KindClusters } from "./kind-clusters.ts";
import { KubeCluster } from "./kube-cluster.ts";

/** Where clusters for tests and the demo come from. */
export interface ClusterProvider {
  readonly kind: "existing" | "kind" | "binaries";
  /** Whether a cluster starts out empty and is gone afterwards, or what is left in it stays for the next. */
  readonly fresh: boolean;
  start(options?: ClusterOptions): Promise<Cluster>;
}

/**
 * The provider the environment asks for: `AXLE_TEST_KUBECONFIG` (clusters that exist already, one per context),
 * `AXLE_TEST_CLUSTERS=kind` (where Docker runs), else control planes of our own from binaries.
 */
export function chooseClusterProvider(
  env: Readonly<Record<string, string | undefined>> = process.env,
): ClusterProvider {
  const kubeconfig = env["AXLE_TEST_KUBECONFIG"] ?? "";
  if (kubeconfig !== "") return new ExistingClusters(kubeconfig, env);
  if (env["AXLE_TEST_CLUSTERS"] === "kind") return new KindClusters(env);
  return { kind: "binaries", fresh: true, start: async (options) => await KubeCluster.start({ env, ...options }) };
}
