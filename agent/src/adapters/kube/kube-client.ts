import type { IncomingMessage } from "node:http";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { Discovery } from "./discovery.ts";
import type { ApiResource } from "./discovery.ts";
import { HttpsTransport } from "./https-transport.ts";
import type { TransportOptions } from "./https-transport.ts";
import type { KubeAccess } from "./kube-access.ts";
import { KubeError } from "./kube-error.ts";
import { readWatchEvents } from "./watch-events.ts";
import type { WatchEvent } from "./watch-events.ts";

/** Which object, and the version of its API to speak. */
export interface ObjectAddress {
  readonly apiVersion: string;
  readonly kind: string;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
}

export interface ApplyOptions {
  readonly signal: AbortSignal;
  readonly dryRun?: boolean;
  /** Field manager. */
  readonly manager: string;
}

export interface DeleteOptions {
  readonly signal: AbortSignal;
  /** Only this very object, not one of the same name made since. */
  readonly uid: string;
  readonly propagation?: "Background" | "Foreground" | "Orphan";
}

export interface ListOptions {
  readonly signal: AbortSignal;
  readonly labelSelector?: string;
  readonly namespace?: string;
  readonly pageSize?: number;
}

export interface ListPage {
  readonly items: readonly KubeObject[];
  /** Of the list: where a watch may go on from. The same on every page. */
  readonly resourceVersion: string;
}

export interface WatchOptions extends Pick<ListOptions, "signal" | "labelSelector" | "namespace"> {
  readonly resourceVersion: string;
  /** The server ends the watch then; it goes on from the last event. */
  readonly timeoutSeconds: number;
}

/** Of a client that speaks in somebody's name. */
interface SharedParts {
  readonly transport: HttpsTransport;
  readonly discovery: Discovery;
  readonly user: string;
}

const APPLY = "application/apply-patch+yaml";
const MERGE = "application/merge-patch+json";
const JSON_PATCH = "application/json-patch+json";

/** One API server. Every method throws {@link KubeError} only. */
export class KubeClient implements Disposable {
  readonly discovery: Discovery;
  readonly #access: KubeAccess;
  readonly #transport: HttpsTransport;
  readonly #user: string | undefined;

  constructor(access: KubeAccess, options: TransportOptions = {}, shared?: SharedParts) {
    this.#access = access;
    this.#transport = shared?.transport ?? new HttpsTransport(access, options);
    this.#user = shared?.user;
    if (shared !== undefined) {
      this.discovery = shared.discovery;
      return;
    }
    this.discovery = new Discovery((path, accept) =>
      this.#transport.send({ method: "GET", path, accept, signal: new AbortController().signal }),
    );
  }

  /**
   * The same server over the same connections; writes and dry-runs are made in the name of `user`, reads stay our own.
   * A service account's groups are the server's to add, so the right to impersonate the account is enough.
   */
  as(user: string): KubeClient {
    return new KubeClient(this.#access, {}, { transport: this.#transport, discovery: this.discovery, user });
  }

  /** Requests sent so far. */
  get counts(): Readonly<HttpsTransport["counts"]> {
    return this.#transport.counts;
  }

  /** What `kubectl version` shows of the server, e.g. `v1.37.0`. */
  async serverVersion(signal: AbortSignal): Promise<string> {
    const answer = await this.#transport.send({ method: "GET", path: "/version", signal });
    const version = typeof answer === "object" && answer !== null && "gitVersion" in answer ? answer.gitVersion : "";
    return String(version);
  }

  /**
   * Server-side apply, forced: conflicts are won. Returns the object as it is now, or would be. Where an aggregated API
   * knows no server-side apply the object is created or replaced instead, so that others' fields in it do not last.
   */
  async apply(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    if (this.discovery.peek(object.apiVersion, object.kind)?.patchable === false) return this.#replace(object, options);
    try {
      return await this.#patch(object, options);
    } catch (error) {
      if (KubeError.from(error).code !== "not-supported") throw error;
      return this.#replace(object, options);
    }
  }

  async #patch(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    // Fields nobody knows are refused by an apply in any case; what "Ignore" spares the server is to read it all twice.
    const query = `?fieldManager=${encodeURIComponent(options.manager)}&force=true&fieldValidation=Ignore${options.dryRun === true ? "&dryRun=All" : ""}`;
    return this.#at(addressOf(object), (path) =>
      this.#object({
        method: "PATCH",
        path: path + query,
        body: JSON.stringify(object),
        contentType: APPLY,
        signal: options.signal,
      }),
    );
  }

  async #replace(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    const address = addressOf(object);
    const live = await this.get(address, options.signal);
    if (live === undefined) return this.create(object, options);
    const { labels, annotations } = object.metadata;
    const metadata = {
      ...live.metadata,
      ...object.metadata,
      labels: { ...live.metadata.labels, ...labels },
      annotations: { ...live.metadata.annotations, ...annotations },
    };
    const query = `?fieldManager=${encodeURIComponent(options.manager)}${options.dryRun === true ? "&dryRun=All" : ""}`;
    return this.#object({
      method: "PUT",
      path: (await this.#pathOf(address)) + query,
      body: JSON.stringify({
        ...object,
        metadata,
        ...(live["status"] === undefined ? {} : { status: live["status"] }),
      }),
      signal: options.signal,
    });
  }

  /** Makes a new object; `already-exists` when there is one of its name. */
  async create(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    const item = await this.#pathOf(addressOf(object));
    const query = `?fieldManager=${encodeURIComponent(options.manager)}${options.dryRun === true ? "&dryRun=All" : ""}`;
    return this.#object({
      method: "POST",
      path: item.slice(0, item.lastIndexOf("/")) + query,
      body: JSON.stringify(object),
      signal: options.signal,
    });
  }

  /** Undefined when the object, its namespace or its kind does not exist. */
  async get(address: ObjectAddress, signal: AbortSignal): Promise<KubeObject | undefined> {
    try {
      return await this.#at(address, (path) => this.#object({ method: "GET", path, signal }));
    } catch (error) {
      const { code } = KubeError.from(error);
      if (code === "not-found" || code === "namespace-missing" || code === "kind-unknown") return undefined;
      throw error;
    }
  }

  /** Returns the object while finalizers keep it, undefined once it is gone. `conflict` when its uid is another. */
  async delete(address: ObjectAddress, options: DeleteOptions): Promise<KubeObject | undefined> {
    const body = {
      kind: "DeleteOptions",
      apiVersion: "v1",
      propagationPolicy: options.propagation ?? "Background",
      preconditions: { uid: options.uid },
    };
    try {
      const answer = await this.#transport.send({
        ...this.#inName(),
        method: "DELETE",
        path: await this.#pathOf(address),
        body: JSON.stringify(body),
        signal: options.signal,
      });
      return isObject(answer) && answer.kind !== "Status" ? answer : undefined;
    } catch (error) {
      const { code } = KubeError.from(error);
      if (code === "not-found" || code === "kind-unknown") return undefined;
      throw error;
    }
  }

  /** JSON merge patch; `subresource` e.g. `status`. */
  async mergePatch(
    address: ObjectAddress,
    patch: object,
    options: { readonly signal: AbortSignal; readonly manager: string; readonly subresource?: string },
  ): Promise<KubeObject> {
    const path = await this.#pathOf(address);
    const subresource = options.subresource === undefined ? "" : `/${options.subresource}`;
    return this.#object({
      method: "PATCH",
      path: `${path}${subresource}?fieldManager=${encodeURIComponent(options.manager)}`,
      body: JSON.stringify(patch),
      contentType: MERGE,
      signal: options.signal,
    });
  }

  async jsonPatch(address: ObjectAddress, patch: readonly object[], signal: AbortSignal): Promise<KubeObject> {
    const path = await this.#pathOf(address);
    return this.#object({ method: "PATCH", path, body: JSON.stringify(patch), contentType: JSON_PATCH, signal });
  }

  /** Pages of a list; a token that expired half way (`gone`) is the caller's to start again from. */
  async *list(resource: ApiResource, options: ListOptions): AsyncGenerator<ListPage> {
    let next = "";
    do {
      const query = new URLSearchParams({ limit: String(options.pageSize ?? 500) });
      if (options.labelSelector !== undefined) query.set("labelSelector", options.labelSelector);
      if (next !== "") query.set("continue", next);
      const path = `${collectionPath(resource, options.namespace)}?${query.toString()}`;
      const answer = await this.#transport.send({ method: "GET", path, signal: options.signal });
      const list = parseList(answer);
      const apiVersion = apiVersionOf(resource);
      yield {
        items: list.items.map((item) => ({ ...item, apiVersion, kind: resource.kind })),
        resourceVersion: list.resourceVersion,
      };
      next = list.next;
    } while (next !== "");
  }

  /** Ends when the server ends the watch. `gone` when `resourceVersion` is too old to go on from. */
  async *watch(resource: ApiResource, options: WatchOptions): AsyncGenerator<WatchEvent> {
    const query = new URLSearchParams({
      watch: "1",
      allowWatchBookmarks: "true",
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(options.timeoutSeconds),
    });
    if (options.labelSelector !== undefined) query.set("labelSelector", options.labelSelector);
    const path = `${collectionPath(resource, options.namespace)}?${query.toString()}`;
    const message: IncomingMessage = await this.#transport.stream({ method: "GET", path, signal: options.signal });
    yield* readWatchEvents(message);
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  /** Once more where the server no longer knows the kind at the place it had. */
  async #at<T>(address: ObjectAddress, run: (path: string) => Promise<T>): Promise<T> {
    const path = await this.#pathOf(address);
    try {
      return await run(path);
    } catch (error) {
      const isMoved = KubeError.from(error).code === "kind-unknown";
      if (!isMoved || !this.discovery.forgetKind(address.apiVersion, address.kind)) throw error;
      return run(await this.#pathOf(address));
    }
  }

  async #object(request: Parameters<HttpsTransport["send"]>[0]): Promise<KubeObject> {
    const answer = await this.#transport.send(request.method === "GET" ? request : { ...request, ...this.#inName() });
    if (isObject(answer)) return answer;
    throw new KubeError("response", `the answer to ${request.method} ${request.path} is no object`);
  }

  #inName(): { readonly user?: string } {
    return this.#user === undefined ? {} : { user: this.#user };
  }

  async #pathOf(address: ObjectAddress): Promise<string> {
    const { apiVersion, kind, namespace, name } = address;
    const resource = this.discovery.peek(apiVersion, kind) ?? (await this.discovery.find(apiVersion, kind));
    if (resource.namespaced && namespace === "") {
      throw new KubeError("invalid", `${kind} ${name} needs a namespace`);
    }
    return `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`;
  }
}

export function addressOf(object: KubeObject): ObjectAddress {
  const { apiVersion, kind, metadata } = object;
  return { apiVersion, kind, namespace: metadata.namespace ?? "", name: metadata.name };
}

export function apiVersionOf(resource: Pick<ApiResource, "group" | "version">): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

function collectionPath(resource: ApiResource, namespace: string | undefined): string {
  const root = resource.group === "" ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope = resource.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root}${scope}/${resource.resource}`;
}

function isObject(value: unknown): value is KubeObject {
  return typeof value === "object" && value !== null && "kind" in value && "metadata" in value;
}

function parseList(answer: unknown): { items: readonly KubeObject[]; resourceVersion: string; next: string } {
  if (typeof answer !== "object" || answer === null || !("metadata" in answer)) {
    throw new KubeError("response", "the answer to a list is no list");
  }
  const { metadata } = answer;
  const items = "items" in answer && Array.isArray(answer.items) ? answer.items : [];
  const meta: Record<string, unknown> = typeof metadata === "object" && metadata !== null ? { ...metadata } : {};
  return { items, resourceVersion: textOf(meta["resourceVersion"]), next: textOf(meta["continue"]) };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
