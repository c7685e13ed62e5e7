/** A Kubernetes object as parsed from YAML or read from an API server. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

export interface ObjectMeta {
  readonly name: string;
  /** Absent for cluster-scoped objects. */
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** What an object is, whatever version of its API it was written in: a version bump is not a deletion. */
export interface ObjectRef {
  /** Empty for the core group. */
  readonly group: string;
  readonly kind: string;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
}

/** The one written form of an ObjectRef: `group/Kind/namespace/name`, empty parts kept. Sorts and compares as text. */
export type ObjectId = string;

export function refOf(object: KubeObject): ObjectRef {
  return {
    group: groupOf(object.apiVersion),
    kind: object.kind,
    namespace: object.metadata.namespace ?? "",
    name: object.metadata.name,
  };
}

export function idOf(object: KubeObject): ObjectId {
  return formatId(refOf(object));
}

export function formatId(ref: ObjectRef): ObjectId {
  return `${ref.group}/${ref.kind}/${ref.namespace}/${ref.name}`;
}

/** Inverse of {@link formatId}; undefined when the text is no id. Names never hold a slash, so four parts are exact. */
export function parseId(id: ObjectId): ObjectRef | undefined {
  const [group, kind, namespace, name, ...rest] = id.split("/");
  if (group === undefined || !kind || namespace === undefined || !name || rest.length > 0) return undefined;
  return { group, kind, namespace, name };
}

export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? "" : apiVersion.slice(0, slash);
}

/** How people read an object: `Deployment web/podinfo`, with the group where it is not a built-in one. */
export function describeRef(ref: ObjectRef): string {
  const kind = ref.group.includes(".") && !ref.group.endsWith(".k8s.io") ? `${ref.kind}.${ref.group}` : ref.kind;
  return ref.namespace === "" ? `${kind} ${ref.name}` : `${kind} ${ref.namespace}/${ref.name}`;
}
