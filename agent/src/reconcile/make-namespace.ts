import { guardrailAgainst } from "@axle/core/guard/guardrails.ts";
import type { Guardrails } from "@axle/core/guard/guardrails.ts";
import { idOf } from "@axle/core/manifest/object.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import { FIELD_MANAGER } from "./ownership-mark.ts";
import type { ResolvedApp, ResolvedSlice } from "./resolved-app.ts";

/** For people who wonder where the namespace comes from. */
const CREATED_FOR = "axle.dev/created-for";

/** An app whose namespace the agent may make: the Namespace, and in whose name. */
export interface NamespaceRequest {
  readonly app: ResolvedApp;
  readonly client: KubeClient;
  readonly guardrails: Guardrails;
  /** What the slice's apps declare. */
  readonly claims: ResolvedSlice["claims"];
  /** Resolves when the slice's number is stored: nothing is written before (S1). */
  readonly accepted: Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Makes the App's namespace, which is missing, where `sync.createNamespace` asks for it and no app declares it. It carries
 * no mark and is in no inventory: several apps may share it, and it is never pruned, for what people put into it is not
 * ours to know. True when it is there now.
 */
export async function makeNamespace(request: NamespaceRequest): Promise<boolean> {
  const { app, client, guardrails, claims, accepted, signal } = request;
  const { name: appName, settings } = app.desired;
  if (settings.sync.createNamespace !== true || settings.namespace === undefined) return false;
  const metadata = { name: settings.namespace, annotations: { [CREATED_FOR]: appName } };
  const namespace: KubeObject = { apiVersion: "v1", kind: "Namespace", metadata };
  const id = idOf(namespace);
  if (claims.has(id) || guardrailAgainst(id, guardrails) !== undefined) return false;
  await accepted;
  signal.throwIfAborted();
  try {
    await client.create(namespace, { manager: FIELD_MANAGER, signal });
  } catch (error) {
    // Another app of the same namespace was first.
    if (KubeError.from(error).code !== "already-exists") throw error;
  }
  return true;
}
