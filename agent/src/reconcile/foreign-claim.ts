import { groupOf } from "@axle/core/manifest/object.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";

/** Who else says that an object is his, in words: Argo CD, Flux, Helm or a kpt inventory; undefined when nobody does. */
export function claimOf(live: KubeObject): string | undefined {
  const { labels = {}, annotations = {} } = live.metadata;
  const argo = argoApplicationOf(live);
  if (argo !== undefined) return `the Argo CD application ${argo}`;
  const named = (prefix: string): string | undefined => {
    const name = labels[`${prefix}/name`];
    return name === undefined ? undefined : `${labels[`${prefix}/namespace`] ?? ""}/${name}`;
  };
  const kustomization = named("kustomize.toolkit.fluxcd.io");
  if (kustomization !== undefined) return `the Flux Kustomization ${kustomization}`;
  const fluxRelease = named("helm.toolkit.fluxcd.io");
  if (fluxRelease !== undefined) return `the Flux HelmRelease ${fluxRelease}`;
  const release = annotations["meta.helm.sh/release-name"];
  if (release !== undefined)
    return `the Helm release ${annotations["meta.helm.sh/release-namespace"] ?? ""}/${release}`;
  const inventory = annotations["config.k8s.io/owning-inventory"];
  return inventory === undefined ? undefined : `the inventory ${inventory}`;
}

/** `<app>:<group>/<kind>:<namespace>/<name>`; one that does not describe the object carrying it is a copy and counts for nothing. */
function argoApplicationOf({ apiVersion, kind, metadata }: KubeObject): string | undefined {
  const [app, type, place] = metadata.annotations?.["argocd.argoproj.io/tracking-id"]?.split(":") ?? [];
  const isOwn = type === `${groupOf(apiVersion)}/${kind}` && place?.split("/").at(-1) === metadata.name;
  return isOwn ? app : metadata.labels?.["argocd.argoproj.io/instance"];
}
