import type { ClusterFacts } from "@axle/core/fleet/cluster.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import type { ClusterDescription } from "../../join/ports.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import { KubeError } from "../kube/kube-error.ts";

/** Who the cluster is and what it says of itself. Throws KubeError when it cannot be asked; what the agent may not see is left out. */
export async function describeCluster(client: KubeClient, signal: AbortSignal): Promise<ClusterDescription> {
  const address = { apiVersion: "v1", kind: "Namespace", namespace: "", name: "kube-system" };
  const [namespace, facts] = await Promise.all([
    unlessForbidden(client.get(address, signal)),
    readFacts(client, signal),
  ]);
  const uid = namespace?.metadata["uid"];
  return { kubeSystemUid: typeof uid === "string" ? uid : "", facts };
}

/**
 * Facts may narrow a match that labels made, never make one. Kinds are those that discovery knows, which learns of new ones as
 * objects ask for them; a server of another version than `before` is asked anew, for it may serve fewer.
 */
export async function readFacts(client: KubeClient, signal: AbortSignal, before?: ClusterFacts): Promise<ClusterFacts> {
  const [kubernetesVersion, nodes] = await Promise.all([
    client.serverVersion(signal),
    unlessForbidden(readNodes(client, signal)),
  ]);
  if (before !== undefined && before.kubernetesVersion !== kubernetesVersion) client.discovery.forget();
  const apiVersions = await client.discovery.apiVersions();
  return { kubernetesVersion, apiVersions, nodes: nodes?.count ?? 0, provider: nodes?.provider ?? "" };
}

async function readNodes(client: KubeClient, signal: AbortSignal): Promise<{ count: number; provider: string }> {
  const resource = await client.discovery.find("v1", "Node");
  let count = 0;
  let provider = "";
  for await (const page of client.list(resource, { pageSize: 100, signal })) {
    count += page.items.length;
    provider ||= page.items.map(providerOf).find((name) => name !== "") ?? "";
  }
  return { count, provider };
}

/** `aws` of `aws:///eu-central-1a/i-0123`. */
function providerOf(node: KubeObject): string {
  const spec = node["spec"];
  const id = typeof spec === "object" && spec !== null && "providerID" in spec ? String(spec.providerID) : "";
  return /^([a-z0-9-]+):\/\//.exec(id)?.[1] ?? "";
}

async function unlessForbidden<T>(asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (KubeError.from(error).code === "forbidden") return undefined;
    throw error;
  }
}
