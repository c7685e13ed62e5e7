import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Logger } from "@axle/runtime/logger.ts";
import { IdentitySecret } from "../adapters/cluster/identity-secret.ts";
import { LeaderLease } from "../adapters/cluster/leader-lease.ts";
import { IdentityFile } from "../adapters/disk/identity-file.ts";
import { inClusterAccess } from "../adapters/kube/kube-access.ts";
import { KubeClient } from "../adapters/kube/kube-client.ts";
import type { AgentConfig } from "../config.ts";
import type { IdentityStore } from "../join/identity.ts";

/** The part of the process that is needed. */
export interface ProcessView {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly hostname: string;
  readonly homeFolder: string;
  /** Whether a process of this machine lives. */
  readonly isAlive: (pid: number) => boolean;
}

export interface OpenCluster extends Disposable {
  /** Writes only while the lease is surely ours. */
  readonly client: KubeClient;
  readonly store: IdentityStore;
  readonly lease: LeaderLease;
}

/** The cluster the agent works on: inside it with the service account, outside with a kubeconfig. */
export async function openCluster(config: AgentConfig, view: ProcessView, log: Logger): Promise<OpenCluster> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443", KUBECONFIG } = view.env;
  const isInside = config.kubeconfig === undefined && host !== undefined && host !== "";
  const access = isInside
    ? await inClusterAccess({ host, port })
    : await fromKubeconfig(config.kubeconfig ?? KUBECONFIG ?? join(view.homeFolder, ".kube", "config"), config);
  const ownClient = new KubeClient(access);
  const lease = new LeaderLease({
    client: ownClient,
    holder: `${view.hostname}/${view.pid}/${randomBytes(4).toString("hex")}`,
    isGone: (holder) => isGone(holder, view),
    log,
    leaseMs: config.leaseMs,
    renewMs: config.leaseRenewMs,
  });
  const client = new KubeClient(access, { mayWrite: () => lease.isSure });
  const store = isInside ? new IdentitySecret(client) : new IdentityFile(join(config.data, "identity.json"));
  return {
    client,
    store,
    lease,
    [Symbol.dispose]() {
      client[Symbol.dispose]();
      ownClient[Symbol.dispose]();
    },
  };
}

/** Reading kubeconfigs takes a large library, which an agent inside its cluster need not load. */
async function fromKubeconfig(path: string, config: AgentConfig) {
  const { kubeconfigAccess } = await import("../adapters/kube/kubeconfig-access.ts");
  return kubeconfigAccess(path, config.context);
}

/** A process of this very machine that does not live any more, or had the process id that is ours now. */
function isGone(holder: string, view: ProcessView): boolean {
  const [hostname, pid] = holder.split("/");
  if (hostname !== view.hostname || pid === undefined) return false;
  return Number(pid) === view.pid || !view.isAlive(Number(pid));
}
