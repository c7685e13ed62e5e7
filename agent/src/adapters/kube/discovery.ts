import { groupOf } from "@axle/core/manifest/object.ts";
import { KubeError } from "./kube-error.ts";

/** Where objects of one kind in one version are served. */
export interface ApiResource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Plural name, as in paths. */
  readonly resource: string;
  readonly namespaced: boolean;
  readonly watchable: boolean;
  readonly patchable: boolean;
}

interface DiscoveryList {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions?: readonly {
      readonly version: string;
      /** `Stale`: the server could not ask who serves it. */
      readonly freshness?: string;
      readonly resources?: readonly {
        readonly resource: string;
        readonly responseKind?: { readonly kind: string } | null;
        readonly scope: string;
        readonly verbs?: readonly string[];
      }[];
    }[];
  }[];
}

const ACCEPT = [
  "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
  "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
].join(",");

/** A kind nobody serves is not asked for again sooner than this, or an object of it would cost discovery each time. */
const STALE_AFTER_MS = 1_000;

export type Fetch = (path: string, accept: string) => Promise<unknown>;

/** What the API server serves: two requests, kept until a kind is unknown or {@link Discovery.forget} is called. */
export class Discovery {
  readonly #fetch: Fetch;
  readonly #now: () => number;
  /** By `apiVersion/Kind`. */
  #byKind = new Map<string, ApiResource>();
  /** The server's preferred version, by `group/Kind`. */
  #preferred = new Map<string, ApiResource>();
  #loading: Promise<void> | undefined;
  /** Groups with a version whose server does not answer. */
  #silent: ReadonlySet<string> = new Set();
  #version = 0;
  #loadedAtMs = Number.NEGATIVE_INFINITY;

  constructor(fetch: Fetch, now: () => number = () => performance.now()) {
    this.#fetch = fetch;
    this.#now = now;
  }

  /** What is known without asking. */
  peek(apiVersion: string, kind: string): ApiResource | undefined {
    return this.#byKind.get(`${apiVersion}/${kind}`);
  }

  /** Throws `kind-unknown`; `unavailable` when an aggregated API that may have it does not answer. */
  async find(apiVersion: string, kind: string): Promise<ApiResource> {
    const found = await this.#lookUp(() => this.peek(apiVersion, kind));
    if (found !== undefined) return found;
    this.#assertAnswering(groupOf(apiVersion));
    throw new KubeError("kind-unknown", `the API server knows no kind ${kind} in ${apiVersion}`);
  }

  /** The preferred version of a kind, undefined when it is not served at all. Throws `unavailable` as `find` does. */
  async findPreferred(group: string, kind: string): Promise<ApiResource | undefined> {
    const found = await this.#lookUp(() => this.#preferred.get(`${group}/${kind}`));
    if (found === undefined) this.#assertAnswering(group);
    return found;
  }

  /** Every `group/version/Kind`, sorted; a core kind is `version/Kind`. */
  async apiVersions(): Promise<readonly string[]> {
    await this.#lookUp(() => (this.#byKind.size > 0 ? true : undefined));
    return [...this.#byKind.keys()].sort();
  }

  /** After CRDs changed: the next look-up that misses asks at once. */
  forget(): void {
    this.#loadedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** The server does not know a kind where it was: its CRD went, or was made anew. False when nothing was known of it. */
  forgetKind(apiVersion: string, kind: string): boolean {
    if (!this.#byKind.delete(`${apiVersion}/${kind}`)) return false;
    this.#preferred.delete(`${groupOf(apiVersion)}/${kind}`);
    this.forget();
    return true;
  }

  /** Another number once anything may be served otherwise than before. */
  get version(): number {
    return this.#version;
  }

  /** Of a group that nobody answers for, that a kind is not listed says nothing. */
  #assertAnswering(group: string): void {
    if (!this.#silent.has(group)) return;
    throw new KubeError("unavailable", `the aggregated API ${group} does not answer`, { status: 503 });
  }

  async #lookUp<T>(peek: () => T | undefined): Promise<T | undefined> {
    const held = peek();
    if (held !== undefined) return held;
    if (this.#now() - this.#loadedAtMs >= STALE_AFTER_MS) {
      this.#loading ??= this.#load().finally(() => {
        this.#loading = undefined;
      });
      await this.#loading;
    }
    return peek();
  }

  async #load(): Promise<void> {
    const [core, groups] = await Promise.all([this.#fetch("/api", ACCEPT), this.#fetch("/apis", ACCEPT)]);
    const byKind = new Map<string, ApiResource>();
    const preferred = new Map<string, ApiResource>();
    const silent = new Set<string>();
    for (const list of [core, groups]) {
      if (!isDiscoveryList(list)) {
        throw new KubeError(
          "not-supported",
          "the API server has no aggregated discovery: Kubernetes 1.27 or newer is needed",
        );
      }
      for (const group of silentGroupsOf(list)) silent.add(group);
      for (const found of resourcesOf(list)) {
        const apiVersion = found.group === "" ? found.version : `${found.group}/${found.version}`;
        byKind.set(`${apiVersion}/${found.kind}`, found);
        const key = `${found.group}/${found.kind}`;
        if (!preferred.has(key)) preferred.set(key, found);
      }
    }
    this.#byKind = byKind;
    this.#preferred = preferred;
    this.#silent = silent;
    this.#version += 1;
    this.#loadedAtMs = this.#now();
  }
}

function* resourcesOf(list: DiscoveryList): Generator<ApiResource> {
  for (const item of list.items ?? []) {
    for (const { version, resources } of item.versions ?? []) {
      for (const { resource, responseKind, scope, verbs = [] } of resources ?? []) {
        if (responseKind === undefined || responseKind === null || !verbs.includes("get")) continue;
        yield {
          group: item.metadata?.name ?? "",
          version,
          kind: responseKind.kind,
          resource,
          namespaced: scope === "Namespaced",
          watchable: verbs.includes("watch") && verbs.includes("list"),
          patchable: verbs.includes("patch"),
        };
      }
    }
  }
}

function silentGroupsOf(list: DiscoveryList): readonly string[] {
  return (list.items ?? [])
    .filter(({ versions = [] }) => versions.some(({ freshness }) => freshness === "Stale"))
    .map(({ metadata }) => metadata?.name ?? "");
}

function isDiscoveryList(value: unknown): value is DiscoveryList {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "APIGroupDiscoveryList";
}
