import { matchesGlob } from "../fleet/match-glob.ts";
import { describeRef, parseId } from "../manifest/object.ts";
import type { ObjectId, ObjectRef } from "../manifest/object.ts";

/** What the owner of a cluster does not let its agent do, whatever the hub says. */
export interface Guardrails {
  /** `Secret`, `ClusterRole.rbac.authorization.k8s.io`, `*.cert-manager.io`: a kind of any group, of one, all of one; upper or lower case. */
  readonly deniedKinds: readonly string[];
  /** Names, in which `*` stands for any characters. A Namespace object counts as standing in itself. */
  readonly deniedNamespaces: readonly string[];
  /** The only namespaces that may be touched; empty: all. Says nothing of cluster-scoped objects, which `deniedKinds` is for. */
  readonly allowedNamespaces: readonly string[];
  /** Undefined: no limit. */
  readonly deletionsPerHour: number | undefined;
}

export const NO_GUARDRAILS: Guardrails = {
  deniedKinds: [],
  deniedNamespaces: [],
  allowedNamespaces: [],
  deletionsPerHour: undefined,
};

/** Which guardrail forbids to write or delete an object, by the name of its option; undefined when none does. */
export function guardrailAgainst(id: ObjectId, guardrails: Guardrails): string | undefined {
  const ref = parseId(id);
  if (ref === undefined) return undefined;
  const { deniedKinds, deniedNamespaces, allowedNamespaces } = guardrails;
  const kind = deniedKinds.find((pattern) => matchesKind(ref, pattern));
  if (kind !== undefined) return `deniedKinds (${kind})`;
  const namespace = namespaceOf(ref);
  if (namespace === "") return undefined;
  const denied = deniedNamespaces.find((pattern) => matchesGlob(pattern, namespace));
  if (denied !== undefined) return `deniedNamespaces (${denied})`;
  if (allowedNamespaces.length === 0) return undefined;
  const isAllowed = allowedNamespaces.some((pattern) => matchesGlob(pattern, namespace));
  return isAllowed ? undefined : `allowedNamespaces (${allowedNamespaces.join(", ")})`;
}

/** Why an app with these objects may not be applied, in words; undefined when it may. */
export function barrierTo(ids: Iterable<ObjectId>, guardrails: Guardrails): string | undefined {
  if (isOpen(guardrails)) return undefined;
  let first: string | undefined;
  let others = 0;
  for (const id of ids) {
    const guardrail = guardrailAgainst(id, guardrails);
    if (guardrail === undefined) continue;
    const ref = parseId(id);
    if (first !== undefined) others += 1;
    else first = `guardrail ${guardrail} of this cluster forbids ${ref === undefined ? id : describeRef(ref)}`;
  }
  return first === undefined || others === 0 ? first : `${first} and ${others} more`;
}

function isOpen({ deniedKinds, deniedNamespaces, allowedNamespaces }: Guardrails): boolean {
  return deniedKinds.length + deniedNamespaces.length + allowedNamespaces.length === 0;
}

function matchesKind(ref: ObjectRef, pattern: string): boolean {
  const dot = pattern.indexOf(".");
  const [kind, group] = dot < 0 ? [pattern, undefined] : [pattern.slice(0, dot), pattern.slice(dot + 1)];
  return (
    (kind === "*" || kind.toLowerCase() === ref.kind.toLowerCase()) &&
    (group === undefined || matchesGlob(group, ref.group))
  );
}

function namespaceOf(ref: ObjectRef): string {
  return ref.group === "" && ref.kind === "Namespace" ? ref.name : ref.namespace;
}
