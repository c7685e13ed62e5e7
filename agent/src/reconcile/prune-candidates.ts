import { compareForApply } from "@axle/core/manifest/kind-order.ts";
import { parseId } from "@axle/core/manifest/object.ts";
import type { KubeObject, ObjectId, ObjectRef } from "@axle/core/manifest/object.ts";
import { describeId } from "./app-board.ts";
import { AXLE_GROUP, AXLE_NAMESPACE } from "./axle-crds.ts";
import { isRecord } from "./field-set.ts";
import { finalizersOf } from "./live-meta.ts";

/** An object that may be deleted, by its parts. */
export interface Candidate extends ObjectRef {
  readonly id: ObjectId;
}

export function toCandidates(ids: readonly ObjectId[]): readonly Candidate[] {
  return ids.flatMap((id) => {
    const ref = parseId(id);
    return ref === undefined ? [] : [{ ...ref, id }];
  });
}

/** What runs this agent, or says what it did, is not its own to delete. */
export function isOurOwn({ group, kind, namespace, name }: ObjectRef): boolean {
  if (namespace === AXLE_NAMESPACE || (group === "" && kind === "Namespace" && name === AXLE_NAMESPACE)) return true;
  return kind === "CustomResourceDefinition" && name.endsWith(`.${AXLE_GROUP}`);
}

/** The reverse of the order of applying, one kind after another. */
export function groupForDeletion(ids: readonly ObjectId[]): readonly (readonly Candidate[])[] {
  const sorted = toCandidates(ids).toSorted((a, b) => compareForApply(b, a));
  return [...Map.groupBy(sorted, ({ group, kind }) => `${group}/${kind}`).values()];
}

/** What keeps an object whose deletion was asked for, in words. */
export function sayBlocked(id: ObjectId, live: KubeObject): string {
  const remains = live.kind === "Namespace" ? remainsOf(live) : [];
  const finalizers = finalizersOf(live);
  const blocked = remains.length > 0 ? remains.join("; ") : `finalizer ${finalizers.join(", ")}`;
  return `${describeId(id)}: ${remains.length + finalizers.length > 0 ? `blocked by ${blocked}` : "being deleted"}`;
}

/** What the namespace's own controller says stands in its way: contents with finalizers, an API that does not answer. */
function remainsOf({ status }: KubeObject): readonly string[] {
  const conditions = isRecord(status) && Array.isArray(status["conditions"]) ? status["conditions"] : [];
  const held = conditions.filter(isRecord).filter(({ status: is }) => is === "True");
  const failures = held.filter(({ type }) => String(type).endsWith("Failure"));
  // Contents remain because of finalizers, which the other condition names.
  const finalizers = held.filter(({ type }) => type === "NamespaceFinalizersRemaining");
  const rest = finalizers.length > 0 ? finalizers : held.filter(({ type }) => type === "NamespaceContentRemaining");
  return [...failures, ...rest].map(({ message }) => String(message));
}
