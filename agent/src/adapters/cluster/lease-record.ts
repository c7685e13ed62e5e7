import type { KubeObject } from "@axle/core/manifest/object.ts";
import { AXLE_NAMESPACE } from "../../reconcile/axle-crds.ts";
import { addressOf, type KubeClient } from "../kube/kube-client.ts";
import { KubeError } from "../kube/kube-error.ts";
import { ensureNamespace } from "./own-namespace.ts";

/** The lease as it was read: every write is conditional on `resourceVersion`. */
export interface LeaseState {
  readonly resourceVersion: string;
  /** "" when nobody holds it. */
  readonly holder: string;
  readonly incarnation: number;
  readonly transitions: number;
}

export interface LeaseRecordOptions {
  readonly client: KubeClient;
  readonly holder: string;
  readonly leaseMs: number;
  readonly wallNow: () => number;
}

/** Somebody else has the lease. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
  readonly code = "lease-lost";

  constructor(holder: string) {
    super(`the lease is held by ${holder === "" ? "nobody" : holder}`);
  }
}

const LEASE: KubeObject = {
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: "axle-agent", namespace: AXLE_NAMESPACE },
};
const MANAGER = "axle-agent";
const INCARNATION = "axle.dev/incarnation";

/** The one `Lease` agents of a cluster compete for. Throws KubeError, `conflict` when another writer was faster. */
export class LeaseRecord {
  readonly #options: LeaseRecordOptions;

  constructor(options: LeaseRecordOptions) {
    this.#options = options;
  }

  async read(signal: AbortSignal): Promise<LeaseState> {
    const live = await this.#options.client.get(addressOf(LEASE), signal);
    return stateOf(live ?? (await this.#create(signal)));
  }

  /** Raises the incarnation above every one before, whatever the clocks. */
  async take(lease: LeaseState, signal: AbortSignal): Promise<LeaseState> {
    const { holder, leaseMs, wallNow } = this.#options;
    const incarnation = Math.max(lease.incarnation + 1, wallNow());
    const time = microTime(wallNow());
    const spec = {
      holderIdentity: holder,
      leaseDurationSeconds: Math.ceil(leaseMs / 1_000),
      acquireTime: time,
      renewTime: time,
      leaseTransitions: lease.transitions + 1,
    };
    const metadata = { resourceVersion: lease.resourceVersion, annotations: { [INCARNATION]: String(incarnation) } };
    return this.#patch({ metadata, spec }, signal);
  }

  /** Throws {@link LeaseLost} when somebody else has it. A conflict alone says little: somebody may have annotated it. */
  async renew(held: LeaseState, signal: AbortSignal): Promise<LeaseState> {
    const { holder, wallNow } = this.#options;
    const spec = { holderIdentity: holder, renewTime: microTime(wallNow()) };
    try {
      return await this.#patch({ metadata: { resourceVersion: held.resourceVersion }, spec }, signal);
    } catch (error) {
      const { code } = KubeError.from(error);
      if (code !== "conflict" && code !== "not-found") throw error;
      const lease = await this.read(signal);
      if (lease.holder !== holder || lease.incarnation !== held.incarnation) throw new LeaseLost(lease.holder);
      return this.#patch({ metadata: { resourceVersion: lease.resourceVersion }, spec }, signal);
    }
  }

  async release(held: LeaseState, signal: AbortSignal): Promise<void> {
    await this.#patch({ metadata: { resourceVersion: held.resourceVersion }, spec: { holderIdentity: "" } }, signal);
  }

  /** An empty lease: creating it is no claim, so it does not matter who does. */
  async #create(signal: AbortSignal): Promise<KubeObject> {
    const { client } = this.#options;
    try {
      return await client.apply(LEASE, { manager: MANAGER, signal });
    } catch (error) {
      if (KubeError.from(error).code !== "namespace-missing") throw error;
      await ensureNamespace(client, signal);
      return client.apply(LEASE, { manager: MANAGER, signal });
    }
  }

  async #patch(body: object, signal: AbortSignal): Promise<LeaseState> {
    return stateOf(await this.#options.client.mergePatch(addressOf(LEASE), body, { manager: MANAGER, signal }));
  }
}

function stateOf(lease: KubeObject): LeaseState {
  const spec = lease["spec"] as { readonly holderIdentity?: string; readonly leaseTransitions?: number } | undefined;
  return {
    resourceVersion: String(lease.metadata["resourceVersion"]),
    holder: spec?.holderIdentity ?? "",
    incarnation: Number(lease.metadata.annotations?.[INCARNATION] ?? 0) || 0,
    transitions: spec?.leaseTransitions ?? 0,
  };
}

/** Kubernetes wants exactly six digits. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000Z");
}
