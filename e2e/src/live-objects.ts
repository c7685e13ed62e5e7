import { eventually } from "@axle/testkit/eventually.ts";
import type { Cluster } from "@axle/testkit/cluster.ts";
import { KubeRequestError } from "@axle/testkit/kube-request.ts";

/** As much of a live object as the fleet's claims are checked by. */
export interface LiveObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly generation?: number;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
}

export interface LiveConfigMap extends LiveObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface LiveDeployment extends LiveObject {
  readonly spec: { readonly replicas: number };
  readonly status: { readonly availableReplicas?: number; readonly observedGeneration?: number };
}

export function configMapPath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespace}/configmaps/${name}`;
}

export function deploymentPath(namespace: string, name: string): string {
  return `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
}

export function namespacePath(name: string): string {
  return `/api/v1/namespaces/${name}`;
}

export async function read<T extends LiveObject>(cluster: Cluster, path: string): Promise<T> {
  return cluster.request<T>("GET", path);
}

/** Whether the API server has it; one that is being deleted counts. */
export async function exists(cluster: Cluster, path: string): Promise<boolean> {
  try {
    await cluster.request("GET", path);
    return true;
  } catch (error) {
    if (error instanceof KubeRequestError && error.status === 404) return false;
    throw error;
  }
}

export async function untilGone(cluster: Cluster, path: string, timeoutMs = 60_000): Promise<void> {
  await eventually(async () => !(await exists(cluster, path)), {
    what: `${path} gone from ${cluster.name}`,
    timeoutMs,
  });
}

/** Waits until every replica that is wanted is available, as the controllers of the cluster say. */
export async function untilAvailable(
  cluster: Cluster,
  path: string,
  expected: { readonly replicas: number; readonly timeoutMs?: number },
): Promise<void> {
  await eventually(
    async () => {
      const { spec, status, metadata } = await read<LiveDeployment>(cluster, path);
      const isCurrent = (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);
      return isCurrent && spec.replicas === expected.replicas && status.availableReplicas === expected.replicas;
    },
    { what: `${path} with ${expected.replicas} available on ${cluster.name}`, timeoutMs: expected.timeoutMs ?? 60_000 },
  );
}
