import { AXLE_NAMESPACE } from "../../reconcile/axle-crds.ts";
import type { KubeClient } from "../kube/kube-client.ts";

/** Needed where the agent runs outside its cluster: inside, it was installed with its namespace. */
export async function ensureNamespace(client: KubeClient, signal: AbortSignal): Promise<void> {
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: AXLE_NAMESPACE } };
  await client.apply(namespace, { manager: "axle-agent", signal });
}
