import type { DeletionPolicy } from "@axle/core/fleet/app.ts";
import { formatId, groupOf } from "@axle/core/manifest/object.ts";
import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import type { DesiredApp, DesiredState } from "../ports.ts";
import type { Discovery } from "../adapters/kube/discovery.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import { orderApp } from "./app-order.ts";
import type { AppOrder } from "./app-order.ts";
import { servedKindsOf } from "./cluster-setup.ts";
import { withDeletion } from "./ownership-mark.ts";

export interface ResolvedObject {
  readonly id: ObjectId;
  /** As the pack has it, with its namespace filled in, or taken away where the kind has none. */
  readonly source: KubeObject;
}

/** An app of the slice as this cluster sees it. */
export interface ResolvedApp {
  readonly desired: DesiredApp;
  /** What is applied and kept; hooks are in `order`. */
  readonly objects: readonly ResolvedObject[];
  /** Of everything the app declares, hooks included. */
  readonly ids: ReadonlySet<ObjectId>;
  /** Only where an object says when it wants to be applied. */
  readonly order?: AppOrder;
  /** What `ids` would also be if the scope of a kind nobody knows yet is guessed wrong: never pruned either. */
  readonly possibleIds: ReadonlySet<ObjectId>;
}

/** The slice as this cluster sees it. */
export interface ResolvedSlice {
  readonly apps: readonly ResolvedApp[];
  /** The first app that declares each object. */
  readonly claims: ReadonlyMap<ObjectId, string>;
  /** The app that brings each kind by a CRD, by `apiVersion/Kind`. */
  readonly kinds: ReadonlyMap<string, string>;
}

interface Kept {
  readonly namespace: string | undefined;
  readonly deletion: DeletionPolicy | undefined;
  /** Of what the server served then. */
  readonly version: number;
  readonly app: Omit<ResolvedApp, "desired">;
}

/** Resolves slices. An app whose pack is the very same array as before costs nothing. */
export class SliceResolver {
  readonly #discovery: Discovery;
  readonly #kept = new WeakMap<readonly KubeObject[], Kept>();

  constructor(discovery: Discovery) {
    this.#discovery = discovery;
  }

  async resolve(desired: DesiredState): Promise<ResolvedSlice> {
    const crds = desired.apps.flatMap((app) =>
      app.objects.filter(isCrd).flatMap((crd) => servedKindsOf(crd).map((kind) => ({ ...kind, app: app.name }))),
    );
    const kinds = new Map(crds.map((crd) => [`${crd.apiVersion}/${crd.kind}`, crd.app]));
    const scopes = new Map(crds.map((crd) => [`${crd.apiVersion}/${crd.kind}`, crd.namespaced]));
    const claims = new Map<ObjectId, string>();
    const apps: ResolvedApp[] = [];
    for (const app of desired.apps) apps.push({ desired: app, ...(await this.#resolveApp(app, scopes)) });
    // What an unreadable pack had before may have moved: whoever surely has it now comes first.
    for (const { desired: app, ids } of apps.toSorted((a, b) => rankOf(a) - rankOf(b))) {
      for (const id of ids) if (!claims.has(id)) claims.set(id, app.name);
    }
    return { apps, claims, kinds };
  }

  async #resolveApp(app: DesiredApp, crds: ReadonlyMap<string, boolean>): Promise<Omit<ResolvedApp, "desired">> {
    const {
      namespace,
      sync: { deletion },
    } = app.settings;
    const kept = this.#kept.get(app.objects);
    const { version } = this.#discovery;
    const isKept = kept?.namespace === namespace && kept?.deletion === deletion && kept?.version === version;
    if (kept !== undefined && isKept) return kept.app;
    const objects: ResolvedObject[] = [];
    const possibleIds = new Set<ObjectId>();
    let isCertain = true;
    for (const object of app.objects) {
      const namespaced = await this.#isNamespaced(object, crds);
      isCertain &&= namespaced !== undefined;
      const source = withDeletion(placeObject(object, { namespaced, namespace }), deletion);
      const resolved = { id: idIn(object, source.metadata.namespace), source };
      objects.push(resolved);
      possibleIds.add(resolved.id);
      if (namespaced === undefined) {
        possibleIds.add(idIn(object, undefined));
        possibleIds.add(idIn(object, object.metadata.namespace ?? namespace ?? "default"));
      }
    }
    const order = orderApp(objects);
    const ids = new Set(objects.map(({ id }) => id));
    const resolved =
      order === undefined ? { objects, ids, possibleIds } : { objects: order.kept, ids, possibleIds, order };
    if (isCertain)
      this.#kept.set(app.objects, { namespace, deletion, version: this.#discovery.version, app: resolved });
    return resolved;
  }

  async #isNamespaced(object: KubeObject, crds: ReadonlyMap<string, boolean>): Promise<boolean | undefined> {
    const { apiVersion, kind } = object;
    const known = this.#discovery.peek(apiVersion, kind)?.namespaced ?? crds.get(`${apiVersion}/${kind}`);
    if (known !== undefined) return known;
    try {
      return (await this.#discovery.findPreferred(groupOf(apiVersion), kind))?.namespaced;
    } catch (error) {
      if (KubeError.from(error).isServerAway) throw error;
      // Its API does not answer: the app that has the object will say so.
      return undefined;
    }
  }
}

function rankOf(app: ResolvedApp): number {
  return app.desired.unreadable === undefined ? 0 : 1;
}

function placeObject(
  object: KubeObject,
  place: { readonly namespaced: boolean | undefined; readonly namespace: string | undefined },
): KubeObject {
  const declared = object.metadata.namespace;
  if (place.namespaced === false) {
    if (declared === undefined) return object;
    const { namespace: _none, ...metadata } = object.metadata;
    return { ...object, metadata: { ...metadata, name: object.metadata.name } };
  }
  if (declared !== undefined && declared !== "") return object;
  if (place.namespaced === undefined) return object;
  return { ...object, metadata: { ...object.metadata, namespace: place.namespace ?? "default" } };
}

function idIn(object: KubeObject, namespace: string | undefined): ObjectId {
  const { apiVersion, kind, metadata } = object;
  return formatId({ group: groupOf(apiVersion), kind, namespace: namespace ?? "", name: metadata.name });
}

function isCrd(object: KubeObject): boolean {
  return object.kind === "CustomResourceDefinition" && groupOf(object.apiVersion) === "apiextensions.k8s.io";
}
