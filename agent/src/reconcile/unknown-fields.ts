import type { KubeObject } from "@axle/core/manifest/object.ts";
import { appliedFieldsOf, formatPath, managedEntriesOf, memberKeys, uniteFieldSets } from "./field-set.ts";
import type { FieldSet, ManagedEntry } from "./field-set.ts";
import type { FieldPath } from "./field-path.ts";

/** What somebody added inside `spec` that no pack declares: containers, variables, ports, volumes and the like. */
export interface UnknownFields {
  readonly entry: ManagedEntry;
  readonly paths: readonly FieldPath[];
}

/** Parts of Kubernetes and controllers that complete objects by design. */
const EXPECTED_MANAGERS =
  /^(kube-|kubelet$|cloud-controller-manager$|cluster-autoscaler|horizontal-pod-autoscaler|vpa-|keda|cert-manager|k3s|rke2)|-operator$/;

/**
 * List items with keys that others hold inside `spec` and `manager` does not. Neither ownership of declared fields nor a
 * dry-run shows them: an apply leaves them where they are.
 */
export function unknownFields(live: KubeObject, manager: string): readonly UnknownFields[] {
  const others = managedEntriesOf(live).filter((entry) => isUnknown(entry, manager));
  if (others.length === 0) return [];
  const ours = appliedFieldsOf(live, manager)?.["f:spec"];
  return others.flatMap((entry) => {
    const spec = entry.fieldsV1?.["f:spec"];
    const paths = spec === undefined ? [] : itemsBeside(spec, ours, ["f:spec"]);
    return paths.length === 0 ? [] : [{ entry, paths }];
  });
}

/** What to compare one finding with the next by; "" for none. */
export function keyOfUnknown(found: readonly UnknownFields[]): string {
  return found.map(({ entry, paths }) => `${entry.manager} ${paths.map(formatPath).join(" ")}`).join("; ");
}

/** The patch that makes those items `manager`'s, so that its next apply, which does not declare them, removes them. */
export function claimPatch(live: KubeObject, manager: string): readonly object[] | undefined {
  const found = unknownFields(live, manager);
  if (found.length === 0) return undefined;
  const claimed = new Map(found.map(({ entry, paths }) => [entry, paths]));
  const taken = found.flatMap(({ entry, paths }) => paths.map((path) => onlyAt(entry.fieldsV1 ?? {}, path)));
  const entries = managedEntriesOf(live).map((entry) => {
    const paths = claimed.get(entry);
    if (paths !== undefined) return { ...entry, fieldsV1: paths.reduce(withoutAt, entry.fieldsV1 ?? {}) };
    const isOurs = entry.manager === manager && entry.operation === "Apply" && entry.subresource === undefined;
    return isOurs ? { ...entry, fieldsV1: taken.reduce(uniteFieldSets, entry.fieldsV1 ?? {}) } : entry;
  });
  return [
    { op: "test", path: "/metadata/resourceVersion", value: live.metadata["resourceVersion"] },
    { op: "replace", path: "/metadata/managedFields", value: entries.filter((entry) => !isEmpty(entry)) },
  ];
}

function isUnknown(entry: ManagedEntry, manager: string): boolean {
  return entry.manager !== manager && entry.subresource === undefined && !EXPECTED_MANAGERS.test(entry.manager);
}

function itemsBeside(theirs: FieldSet, ours: FieldSet | undefined, at: FieldPath): readonly FieldPath[] {
  return memberKeys(theirs).flatMap((key) => {
    const path = [...at, key];
    if (key.startsWith("k:") && ours?.[key] === undefined) return [path];
    return itemsBeside(theirs[key] ?? {}, ours?.[key], path);
  });
}

function onlyAt(fields: FieldSet, path: FieldPath): FieldSet {
  const [key, ...rest] = path;
  if (key === undefined) return fields;
  return { [key]: onlyAt(fields[key] ?? {}, rest) };
}

function withoutAt(fields: FieldSet, path: FieldPath): FieldSet {
  const [key, ...rest] = path;
  const at = key === undefined ? undefined : fields[key];
  if (key === undefined || at === undefined) return fields;
  const { [key]: _at, ...others } = fields;
  const left = rest.length === 0 ? {} : withoutAt(at, rest);
  return memberKeys(left).length === 0 ? others : { ...others, [key]: left };
}

function isEmpty(entry: ManagedEntry): boolean {
  return entry.fieldsV1 !== undefined && memberKeys(entry.fieldsV1).length === 0;
}
