import { parseId } from "../../manifest/object.ts";
import type { EffectiveApp } from "../effective-fleet.ts";
import type { RenderedObject } from "../rendered-variant.ts";

/** Objects of an app that only another delivery tool's controller acts on, where no app of the cluster brings that controller. */
export interface Uncontrolled {
  readonly app: string;
  /** Of the first of them; sorted by id. */
  readonly object: RenderedObject;
  /** Name of the controller's workload, without what a chart may put before it. */
  readonly controller: string;
  readonly tool: "Flux" | "Argo CD";
  /** Ids, sorted; at least one. */
  readonly clusters: readonly string[];
}

/**
 * Flux's and Argo CD's own objects among what moving apps bring. Applied like any other object, they do nothing by
 * themselves; that a controller runs there by other means cannot be seen, so this is for a warning, never more.
 */
export function findUncontrolled(apps: Iterable<EffectiveApp>): readonly Uncontrolled[] {
  const all = [...apps];
  const found = all.filter(({ moves }) => moves).flatMap(uncontrolledOf);
  if (found.length === 0) return [];
  const brought = controllersByCluster(all);
  return found.flatMap((one) => {
    const clusters = one.clusters.filter((cluster) => brought.get(cluster)?.has(one.controller) !== true);
    return clusters.length === 0 ? [] : [{ ...one, clusters: clusters.toSorted() }];
  });
}

function uncontrolledOf({ name, placed }: EffectiveApp): readonly Uncontrolled[] {
  const byController = new Map<string, Uncontrolled>();
  for (const { objects, clusters } of placed) {
    for (const object of objects ?? []) {
      const needed = controllerOf(object);
      if (needed === undefined) continue;
      const known = byController.get(needed.controller);
      const first = known === undefined || object.id < known.object.id ? object : known.object;
      const all = [...new Set([...(known?.clusters ?? []), ...clusters])];
      byController.set(needed.controller, { app: name, object: first, ...needed, clusters: all });
    }
  }
  return [...byController.values()].sort((a, b) => (a.controller < b.controller ? -1 : 1));
}

const FLUX_GROUP = ".toolkit.fluxcd.io";
const ARGO_GROUP = "argoproj.io";
const FLUX_CONTROLLERS: Readonly<Record<string, string>> = {
  kustomize: "kustomize-controller",
  helm: "helm-controller",
  source: "source-controller",
  notification: "notification-controller",
  image: "image-reflector-controller",
};
const ARGO_CONTROLLERS: Readonly<Record<string, string>> = {
  Application: "argocd-application-controller",
  AppProject: "argocd-application-controller",
  ApplicationSet: "argocd-applicationset-controller",
};

function controllerOf({ id }: RenderedObject): Pick<Uncontrolled, "controller" | "tool"> | undefined {
  const group = id.slice(0, id.indexOf("/"));
  if (group !== ARGO_GROUP && !group.endsWith(FLUX_GROUP)) return undefined;
  const kind = parseId(id)?.kind ?? "";
  const isFlux = group !== ARGO_GROUP;
  const controller =
    kind === "ImageUpdateAutomation"
      ? "image-automation-controller"
      : isFlux
        ? FLUX_CONTROLLERS[group.slice(0, -FLUX_GROUP.length)]
        : ARGO_CONTROLLERS[kind];
  return controller === undefined ? undefined : { controller, tool: isFlux ? "Flux" : "Argo CD" };
}

const CONTROLLERS = [
  ...Object.values(FLUX_CONTROLLERS),
  "image-automation-controller",
  ...new Set(Object.values(ARGO_CONTROLLERS)),
];

function controllersByCluster(apps: readonly EffectiveApp[]): ReadonlyMap<string, ReadonlySet<string>> {
  const byCluster = new Map<string, Set<string>>();
  for (const { objects, clusters } of apps.flatMap(({ placed }) => placed)) {
    const found = (objects ?? []).flatMap(({ id }) => {
      if (!id.startsWith("apps/Deployment/") && !id.startsWith("apps/StatefulSet/")) return [];
      return CONTROLLERS.filter((name) => id.endsWith(`/${name}`) || id.endsWith(`-${name}`));
    });
    if (found.length === 0) continue;
    for (const cluster of clusters) {
      const known = byCluster.get(cluster) ?? new Set();
      for (const name of found) known.add(name);
      byCluster.set(cluster, known);
    }
  }
  return byCluster;
}
