import type { KubeClient } from "../kube/kube-client.ts";

/** Where everything of the agent's own lives in its cluster. */
export const AXLE_NAMESPACE = "axle-system";

/** Needed where the agent runs outside: inside, it was installed with its namespace. */
export async function ensureNamespace(client: KubeClient, signal: AbortSignal): Promise<void> {
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: AXLE_NAMESPACE } };
  await client.apply(namespace, { manager: "axle-agent", signal });
}
