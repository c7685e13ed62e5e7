import { randomUUID } from "node:crypto";

/** An object as an extension API server keeps it. */
export interface ExtensionObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string } & Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

export interface ExtensionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Plural, lower case. */
  readonly resource: string;
}

export interface ExtensionRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

export interface ExtensionAnswer {
  readonly status: number;
  readonly body: unknown;
}

const VERBS = ["get", "list", "create", "update", "delete"];

/**
 * One namespaced kind as the simplest aggregated API servers serve theirs: get, list, create, update and delete, no patch
 * (so no server-side apply) and no watch, with dry-runs and conflicts as the Kubernetes API has them. Holds its objects in
 * memory.
 */
export class ExtensionApi {
  readonly #kind: ExtensionKind;
  readonly #objects = new Map<string, ExtensionObject>();
  #version = 0;

  constructor(kind: ExtensionKind) {
    this.#kind = kind;
  }

  /** By `namespace/name`. */
  get objects(): ReadonlyMap<string, ExtensionObject> {
    return this.#objects;
  }

  /** What another user of the API changes; undefined deletes. */
  edit(path: string, fields: Readonly<Record<string, unknown>> | undefined): void {
    const held = this.#objects.get(path);
    if (fields === undefined) this.#objects.delete(path);
    else if (held !== undefined) this.#store(path, { ...held, ...fields });
  }

  answer(request: ExtensionRequest): ExtensionAnswer {
    const { group, version, resource } = this.#kind;
    const root = `/apis/${group}/${version}`;
    if (request.path === root) return { status: 200, body: this.#discovery() };
    const rest = request.path.startsWith(`${root}/`) ? request.path.slice(root.length + 1).split("/") : [];
    const [namespace, type, name] = rest[0] === "namespaces" ? rest.slice(1) : ["", ...rest];
    if (type !== resource) return refusal(404, "NotFound", "the server could not find the requested resource");
    return name === undefined
      ? this.#answerCollection(request, namespace ?? "")
      : this.#answerItem(request, `${namespace ?? ""}/${name}`);
  }

  #answerCollection(request: ExtensionRequest, namespace: string): ExtensionAnswer {
    const { group, version, kind } = this.#kind;
    const apiVersion = `${group}/${version}`;
    if (request.method === "GET") {
      if (request.query.has("watch")) return refusal(405, "MethodNotAllowed", "watch is not supported");
      const label = request.query.get("labelSelector");
      const items = [...this.#objects.values()].filter(
        ({ metadata }) =>
          (namespace === "" || metadata.namespace === namespace) &&
          (label === null || Object.hasOwn((metadata["labels"] ?? {}) as object, label)),
      );
      return {
        status: 200,
        body: { apiVersion, kind: `${kind}List`, metadata: { resourceVersion: `${this.#version}` }, items },
      };
    }
    if (request.method !== "POST") return refusal(405, "MethodNotAllowed", `${request.method} is not supported`);
    const object = request.body as ExtensionObject;
    const path = `${namespace}/${object.metadata.name}`;
    if (this.#objects.has(path)) return refusal(409, "AlreadyExists", `${path} already exists`);
    const metadata = { ...object.metadata, namespace, uid: randomUUID(), creationTimestamp: new Date().toISOString() };
    const made = { ...object, apiVersion, kind, metadata };
    return { status: 201, body: request.query.has("dryRun") ? made : this.#store(path, made) };
  }

  #answerItem(request: ExtensionRequest, path: string): ExtensionAnswer {
    const held = this.#objects.get(path);
    if (request.method === "PATCH") return refusal(405, "MethodNotAllowed", "patch is not supported");
    if (held === undefined) {
      const details = { name: path.split("/")[1], group: this.#kind.group, kind: this.#kind.resource };
      return refusal(404, "NotFound", `${path} not found`, details);
    }
    switch (request.method) {
      case "GET":
        return { status: 200, body: held };
      case "PUT":
        return this.#update(request, path, held);
      case "DELETE":
        this.#objects.delete(path);
        this.#version += 1;
        return { status: 200, body: { apiVersion: "v1", kind: "Status", status: "Success" } };
      default:
        return refusal(405, "MethodNotAllowed", `${request.method} is not supported`);
    }
  }

  #update(request: ExtensionRequest, path: string, held: ExtensionObject): ExtensionAnswer {
    const next = request.body as ExtensionObject;
    const { resourceVersion, uid, creationTimestamp } = held.metadata;
    if (next.metadata["resourceVersion"] !== undefined && next.metadata["resourceVersion"] !== resourceVersion) {
      return refusal(409, "Conflict", "the object has been modified; please apply your changes to the latest version");
    }
    const updated = { ...next, metadata: { ...next.metadata, uid, creationTimestamp, resourceVersion } };
    const isSame = JSON.stringify(sorted(updated)) === JSON.stringify(sorted(held));
    return { status: 200, body: request.query.has("dryRun") || isSame ? updated : this.#store(path, updated) };
  }

  #store(path: string, object: ExtensionObject): ExtensionObject {
    this.#version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: `${this.#version}` } };
    this.#objects.set(path, stored);
    return stored;
  }

  #discovery(): unknown {
    const { group, version, kind, resource } = this.#kind;
    const resources = [{ name: resource, singularName: kind.toLowerCase(), namespaced: true, kind, verbs: VERBS }];
    return { kind: "APIResourceList", apiVersion: "v1", groupVersion: `${group}/${version}`, resources };
  }
}

function refusal(code: number, reason: string, message: string, details?: unknown): ExtensionAnswer {
  return {
    status: code,
    body: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, details, code },
  };
}

/** The same text for the same content. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}
