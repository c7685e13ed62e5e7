import type { KubeObject } from "@axle/core/manifest/object.ts";

/** `disabled`: nothing of ours touches the object. */
const RECONCILE_ANNOTATION = "axle.dev/reconcile";
/** `disabled`: the object outlives its removal from Git; `confirm`: a person has to let it go. */
const PRUNE_ANNOTATION = "axle.dev/prune";
/** `IfNotPresent`: made once, then left to others; `Merge`: what others set beside ours stays; `Ignore`: left alone. */
const APPLY_ANNOTATION = "axle.dev/apply";
/** `enabled`: recreated when a field that cannot be changed in place has to change. */
const FORCE_ANNOTATION = "axle.dev/force";
/** Flux's own opt-out, label or annotation: who trusted it before must be able to trust it with us. */
const FLUX_PRUNE = "kustomize.toolkit.fluxcd.io/prune";
/** Argo CD's list of options, separated by commas. */
const ARGO_OPTIONS = "argocd.argoproj.io/sync-options";

/** What a report says of an app that is paused by an annotation on its inventory. */
export const PAUSED_IN_CLUSTER = "paused in the cluster by annotation";

/** Whether an object of the cluster asks to be left as it is; on an inventory it speaks for the whole app. */
export function isPaused(object: KubeObject): boolean {
  return has(object, RECONCILE_ANNOTATION, "disabled") || has(object, APPLY_ANNOTATION, "ignore");
}

/** Whether Git has the object made when it is not there, and no more. Counts in Git only. */
export function isMadeOnce(source: KubeObject): boolean {
  return has(source, APPLY_ANNOTATION, "ifnotpresent");
}

/** Whether the live object stands as others make it, by its own word or by that of Git. */
export function isLeftAlone(source: KubeObject, live: KubeObject): boolean {
  return isPaused(source) || isMadeOnce(source) || isPaused(live);
}

/** Whether fields that others set are kept: on adoption, and beside ours. */
export function isMerged(source: KubeObject, live: KubeObject): boolean {
  return [source, live].some((object) => has(object, APPLY_ANNOTATION, "merge"));
}

export function isForced(source: KubeObject): boolean {
  return has(source, FORCE_ANNOTATION, "enabled");
}

export function isKeptFromPrune(object: KubeObject): boolean {
  return isPaused(object) || has(object, PRUNE_ANNOTATION, "disabled") || isKeptForOthers(object);
}

/** Whether the object wants a person's yes before it is deleted. */
export function asksBeforePrune(object: KubeObject): boolean {
  const options = argoOptionsOf(object);
  const isAsking = options.includes("prune=confirm") || options.includes("delete=confirm");
  return isAsking || has(object, PRUNE_ANNOTATION, "confirm");
}

function isKeptForOthers(object: KubeObject): boolean {
  const { labels, annotations } = object.metadata;
  const flux = [labels, annotations].some((texts) => texts?.[FLUX_PRUNE]?.toLowerCase() === "disabled");
  const argo = argoOptionsOf(object);
  return flux || argo.includes("prune=false") || argo.includes("delete=false");
}

function argoOptionsOf(object: KubeObject): readonly string[] {
  const text = object.metadata.annotations?.[ARGO_OPTIONS] ?? "";
  return text.split(",").map((option) => option.trim().toLowerCase());
}

function has(object: KubeObject, annotation: string, value: string): boolean {
  return object.metadata.annotations?.[annotation]?.trim().toLowerCase() === value;
}
