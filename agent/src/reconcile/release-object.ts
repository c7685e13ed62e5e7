import type { KubeObject } from "@axle/core/manifest/object.ts";
import { guardrailAgainst } from "@axle/core/guard/guardrails.ts";
import type { Guardrails } from "@axle/core/guard/guardrails.ts";
import { apiVersionOf } from "../adapters/kube/kube-client.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { markOf } from "./ownership-mark.ts";
import type { Candidate } from "./prune-candidates.ts";
import { unmark } from "./unmark.ts";

export interface ReleaseOptions {
  /** Reads, in our own name. */
  readonly client: KubeClient;
  /** Writes, in the app's name. */
  readonly writer: KubeClient;
  /** Id of the cluster, in our marks. */
  readonly cluster: string;
  readonly guardrails: Guardrails;
}

/** What became of an object that is let go: its mark is off, or it never was ours, or may not be touched. */
export type Release = "released" | "not-ours" | "untouchable";

/** Lets one object go as it runs. Throws KubeError. */
export async function releaseObject(options: ReleaseOptions, ref: Candidate, signal: AbortSignal): Promise<Release> {
  const { client, writer, cluster, guardrails } = options;
  const live = await readObject(client, ref, signal);
  if (live === undefined || markOf(live)?.cluster !== cluster) return "not-ours";
  if (guardrailAgainst(ref.id, guardrails) !== undefined) return "untouchable";
  await unmark(writer, live, signal);
  return "released";
}

/** Undefined when the object or its kind is not there any more. */
export async function readObject(
  client: KubeClient,
  ref: Candidate,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const resource = await client.discovery.findPreferred(ref.group, ref.kind);
  return resource === undefined ? undefined : client.get({ ...ref, apiVersion: apiVersionOf(resource) }, signal);
}
