import type { KubeObject } from "@axle/core/manifest/object.ts";
import { appliedFieldsOf, formatPath, managedEntriesOf, memberKeys, uniteFieldSets, valueAt } from "./field-set.ts";
import type { FieldSet, ManagedEntry } from "./field-set.ts";
import type { FieldPath } from "./field-path.ts";
import { isYielded } from "./ignored-fields.ts";

/** What somebody added that no pack declares: containers, variables, ports, volumes and the like; from people, any field. */
export interface UnknownFields {
  readonly entry: ManagedEntry;
  readonly paths: readonly FieldPath[];
}

/** Fields that are no addition, whoever holds them. */
export interface KnownFields {
  /** The object as Git has it: what of it others hold was changed, not added. */
  readonly declared?: KubeObject;
  /** Others' to set. */
  readonly ignored?: readonly FieldPath[];
}

/** Parts of Kubernetes and controllers that complete objects by design. */
const EXPECTED_MANAGERS =
  /^(kube-|kubelet$|cloud-controller-manager$|cluster-autoscaler|horizontal-pod-autoscaler|vpa-|keda|cert-manager|k3s|rke2)|-operator$/;

/** People's hands: what they add is nobody's design, wherever it stands. `kubectl rollout` only stamps a restart. */
const PEOPLE = /^(kubectl($|-(?!rollout))|k9s|headlamp|kubernetes-dashboard|rancher)/;
/** Not declared, or not for a pack to declare. */
const NOT_OURS: ReadonlySet<string> = new Set(["f:metadata", "f:status"]);

/**
 * List items with keys that others hold inside `spec` and `manager` does not, and of people's tools any field beside the
 * metadata; what is known excepted. Neither ownership of declared fields nor a dry-run shows them: an apply leaves them
 * where they are.
 */
export function unknownFields(live: KubeObject, manager: string, known: KnownFields = {}): readonly UnknownFields[] {
  const { declared, ignored = [] } = known;
  const others = managedEntriesOf(live).filter((entry) => isUnknown(entry, manager));
  if (others.length === 0) return [];
  const ours = appliedFieldsOf(live, manager) ?? {};
  return others.flatMap((entry) => {
    const isPerson = PEOPLE.test(entry.manager);
    const parts = Object.entries(entry.fieldsV1 ?? {}).filter(([key]) =>
      isPerson ? !NOT_OURS.has(key) : key === "f:spec",
    );
    const beside = parts.flatMap(([key, theirs]) => fieldsBeside([key], { theirs, ours: ours[key], isPerson }));
    const paths = beside.filter((path) => !isYielded([path], ignored) && !isDeclared(path, declared));
    return paths.length === 0 ? [] : [{ entry, paths }];
  });
}

/** What to compare one finding with the next by; "" for none. */
export function keyOfUnknown(found: readonly UnknownFields[]): string {
  return found.map(({ entry, paths }) => `${entry.manager} ${paths.map(formatPath).join(" ")}`).join("; ");
}

/** The patch that makes those items `manager`'s, so that its next apply, which does not declare them, removes them. */
export function claimPatch(live: KubeObject, manager: string, known: KnownFields = {}): readonly object[] | undefined {
  const found = unknownFields(live, manager, known);
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

function isDeclared(path: FieldPath, declared: KubeObject | undefined): boolean {
  return path.reduce<unknown>(valueAt, declared) !== undefined;
}

interface Sides {
  readonly theirs: FieldSet;
  readonly ours: FieldSet | undefined;
  /** Any field counts, not only items with keys. */
  readonly isPerson: boolean;
}

function fieldsBeside(at: FieldPath, { theirs, ours, isPerson }: Sides): readonly FieldPath[] {
  const keys = memberKeys(theirs);
  if (ours === undefined && isPerson && keys.length === 0) return [at];
  // What we own whole, we own with all there is in it.
  if (ours !== undefined && memberKeys(ours).length === 0) return [];
  return keys.flatMap((key) => {
    const path = [...at, key];
    const mine = ours?.[key];
    if (mine === undefined && key.startsWith("k:")) return [path];
    return fieldsBeside(path, { theirs: theirs[key] ?? {}, ours: mine, isPerson });
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
