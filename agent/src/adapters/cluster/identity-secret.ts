import type { KubeObject } from "@axle/core/manifest/object.ts";
import { type Identity, type IdentityStore, parseIdentity } from "../../join/identity.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import { addressOf } from "../kube/kube-client.ts";
import { KubeError } from "../kube/kube-error.ts";
import { AXLE_NAMESPACE } from "../../reconcile/axle-crds.ts";
import { ensureNamespace } from "./own-namespace.ts";

const MANAGER = "axle-agent";
const FIELD = "identity.json";
const SECRET: KubeObject = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "axle-agent-identity", namespace: AXLE_NAMESPACE },
};

/** For an agent inside its cluster: a Secret in its own namespace, so that a new pod is the same agent. */
export class IdentitySecret implements IdentityStore {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  async load(signal: AbortSignal): Promise<Identity | undefined> {
    const live = await this.#client.get(addressOf(SECRET), signal);
    const data = live?.["data"];
    const held = typeof data === "object" && data !== null && FIELD in data ? data[FIELD] : undefined;
    if (typeof held !== "string") return undefined;
    return parseIdentity(JSON.parse(Buffer.from(held, "base64").toString("utf8")));
  }

  async save(identity: Identity, signal: AbortSignal): Promise<void> {
    const data = { [FIELD]: Buffer.from(JSON.stringify(identity), "utf8").toString("base64") };
    const secret = { ...SECRET, type: "Opaque", data };
    try {
      await this.#client.apply(secret, { manager: MANAGER, signal });
    } catch (error) {
      if (KubeError.from(error).code !== "namespace-missing") throw error;
      await ensureNamespace(this.#client, signal);
      await this.#client.apply(secret, { manager: MANAGER, signal });
    }
  }
}
