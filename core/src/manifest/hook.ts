import { groupOf } from "./object.ts";
import type { KubeObject } from "./object.ts";

/** Parts of an app's apply, in order; each waits until all of the one before is healthy and its hooks are through. */
export const PHASES = ["pre", "sync", "post"] as const;
export type Phase = (typeof PHASES)[number];

/** When a hook's object is deleted. `before-creation` is what always happens to what cannot be run twice. */
export type HookDeletion = "before-creation" | "succeeded" | "failed";

/** Where an object stands in its app's apply, as its annotations say. */
export interface ObjectOrder {
  /** While the app is new on the cluster; undefined: not applied then. */
  readonly install: Phase | undefined;
  /** Once the app has been there; undefined: not applied then. */
  readonly upgrade: Phase | undefined;
  /** Only runs when the apply failed. */
  readonly onFailure: boolean;
  /** Within the phase, lowest first. */
  readonly wave: number;
  /** Run once for each revision, and then left alone, rather than kept as declared. */
  readonly isHook: boolean;
  readonly deletions: ReadonlySet<HookDeletion>;
  /** An annotation that cannot be understood, in words. */
  readonly problem: string | undefined;
}

/** What an object without any of the annotations has. */
export const PLAIN_ORDER: ObjectOrder = {
  install: "sync",
  upgrade: "sync",
  onFailure: false,
  wave: 0,
  isHook: false,
  deletions: new Set(),
  problem: undefined,
};

const NAMES = {
  phase: "axle.dev/phase",
  wave: "axle.dev/wave",
  deletion: "axle.dev/hook-delete",
  argoHook: "argocd.argoproj.io/hook",
  argoWave: "argocd.argoproj.io/sync-wave",
  argoDeletion: "argocd.argoproj.io/hook-delete-policy",
  helmHook: "helm.sh/hook",
  helmWeight: "helm.sh/hook-weight",
  helmDeletion: "helm.sh/hook-delete-policy",
} as const;

const DELETIONS: Readonly<Record<string, HookDeletion>> = {
  "before-creation": "before-creation",
  succeeded: "succeeded",
  failed: "failed",
  beforehookcreation: "before-creation",
  hooksucceeded: "succeeded",
  hookfailed: "failed",
  "before-hook-creation": "before-creation",
  "hook-succeeded": "succeeded",
  "hook-failed": "failed",
};

type When = Pick<ObjectOrder, "install" | "upgrade"> & { readonly onFailure?: boolean };

const ARGO_HOOKS: Readonly<Record<string, When>> = {
  presync: { install: "pre", upgrade: "pre" },
  sync: { install: "sync", upgrade: "sync" },
  postsync: { install: "post", upgrade: "post" },
  syncfail: { install: undefined, upgrade: undefined, onFailure: true },
  skip: { install: undefined, upgrade: undefined },
  predelete: { install: undefined, upgrade: undefined },
  postdelete: { install: undefined, upgrade: undefined },
};

/** Kinds that run to an end, and cannot be run again by applying them again. */
const RUNS: ReadonlySet<string> = new Set([
  "batch/Job",
  "/Pod",
  "argoproj.io/Workflow",
  "tekton.dev/TaskRun",
  "tekton.dev/PipelineRun",
]);

/**
 * The order of an object by its own annotations, else Argo CD's, else Helm's; undefined when it has none of them.
 * Something that stands in a phase without running to an end and without being deleted afterwards (the ServiceAccount
 * of a hook) is no hook: it is applied there and kept.
 */
export function orderOf(object: KubeObject): ObjectOrder | undefined {
  const { annotations } = object.metadata;
  if (annotations === undefined || !Object.values(NAMES).some((name) => name in annotations)) return undefined;
  const wave = waveOf(annotations);
  const when = whenOf(annotations);
  const deletions = deletionsOf(annotations);
  const endsByItself = deletions.has("succeeded") || deletions.has("failed");
  const problems = [wave, when].flatMap((part) => (typeof part === "string" ? [part] : []));
  const { onFailure = false, ...phases } = typeof when === "object" ? when : PLAIN_ORDER;
  return {
    install: phases.install,
    upgrade: phases.upgrade,
    onFailure,
    wave: typeof wave === "number" ? wave : 0,
    isHook: when !== undefined && (onFailure || endsByItself || isRun(object)) && !isSyncPhase(annotations),
    deletions,
    problem: problems[0],
  };
}

/** Whether objects of this kind run to an end. */
export function isRun(object: KubeObject): boolean {
  return RUNS.has(`${groupOf(object.apiVersion)}/${object.kind}`);
}

/** `axle.dev/phase: sync` only says where; Argo's hook `Sync` also says that it is a hook. */
function isSyncPhase(annotations: Readonly<Record<string, string>>): boolean {
  return annotations[NAMES.phase] === "sync";
}

function waveOf(annotations: Readonly<Record<string, string>>): number | string {
  const name = [NAMES.wave, NAMES.argoWave, NAMES.helmWeight].find((key) => key in annotations);
  if (name === undefined) return 0;
  const text = (annotations[name] ?? "").trim();
  return /^[+-]?\d{1,9}$/.test(text) ? Number(text) : `${name} is "${text}", not a whole number`;
}

function whenOf(annotations: Readonly<Record<string, string>>): When | string | undefined {
  const phase = annotations[NAMES.phase];
  if (phase !== undefined) {
    const known = PHASES.find((name) => name === phase);
    return known === undefined
      ? `${NAMES.phase} is "${phase}", not one of ${PHASES.join(", ")}`
      : { install: known, upgrade: known };
  }
  for (const event of wordsOf(annotations[NAMES.argoHook])) {
    const when = ARGO_HOOKS[event];
    if (when !== undefined) return when;
  }
  return helmWhen(wordsOf(annotations[NAMES.helmHook]));
}

function helmWhen(events: readonly string[]): When | undefined {
  const phaseAt = (moment: "install" | "upgrade") =>
    (["pre", "post"] as const).find((phase) => events.includes(`${phase}-${moment}`));
  const [install, upgrade] = [phaseAt("install"), phaseAt("upgrade")];
  return install === undefined && upgrade === undefined ? undefined : { install, upgrade };
}

function deletionsOf(annotations: Readonly<Record<string, string>>): ReadonlySet<HookDeletion> {
  const name = [NAMES.deletion, NAMES.argoDeletion, NAMES.helmDeletion].find((key) => key in annotations);
  const words = name === undefined ? [] : wordsOf(annotations[name]);
  return new Set(words.flatMap((word) => DELETIONS[word] ?? []));
}

function wordsOf(list: string | undefined): readonly string[] {
  return (list ?? "").split(",").map((word) => word.trim().toLowerCase());
}
