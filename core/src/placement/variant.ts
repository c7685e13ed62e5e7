import type { App } from "../fleet/app.ts";
import type { Place } from "../fleet/problem.ts";
import type { Values } from "./merge-values.ts";
import type { Substitutions } from "../slice/slice.ts";

/** The resolved inputs that some clusters of an app share. Equal variants render to the same pack. */
export interface Variant {
  readonly app: string;
  /** Source folder relative to the root; "" is the root. */
  readonly path: string;
  readonly namespace?: string;
  /** Name of the Helm release where it is not the app's. */
  readonly releaseName?: string;
  /** What Helm gets for values, later ones over earlier ones; no two mappings follow each other. Empty for other sources. */
  readonly values: readonly ValuesLayer[];
  /** Of kustomizations: they may name any file of the repository. */
  readonly readsAnywhere?: true;
  /** Kustomize-style patches (`{target?, patch}`), in order. */
  readonly patches: readonly Readonly<Record<string, unknown>>[];
  /** Only for charts that ask (`.Capabilities`): part of what makes variants differ. */
  readonly capabilities?: { readonly kubernetesVersion: string; readonly apiVersions: readonly string[] };
  /** `sync.regenerate` of the App: another text, another render. */
  readonly regenerate?: string;
}

/** A values file, as its path from the root, or values as they are written in the App and Cluster files. */
export type ValuesLayer = string | Values;

/** The files among them, in their order. */
export function valuesFilesOf({ values }: Pick<Variant, "values">): readonly string[] {
  return values.filter((layer) => typeof layer === "string");
}

/** Canonical JSON of the variant: equal text, equal variant. The hub hashes it where it needs something short. */
export type VariantKey = string;

export interface ResolvedApp {
  readonly app: App;
  readonly variants: ReadonlyMap<VariantKey, Variant>;
  /** By cluster id. */
  readonly targets: ReadonlyMap<string, Target>;
}

export interface Target {
  readonly variant: VariantKey;
  readonly substitutions: Substitutions;
  /** The requirement that matched, in words: `env=prod`. */
  readonly because: string;
  readonly placedBy: Place;
}

/** How a source folder is rendered, told apart by what is there. */
export type SourceType = "helm" | "kustomize" | "raw";

export interface SourceInfo {
  readonly type: SourceType;
  /** The chart's templates use `.Capabilities`: cluster facts become part of the variant. */
  readonly asksCapabilities: boolean;
  /** Of the capabilities the chart asks for the Kubernetes version alone: its Chart.yaml says which it is for (`kubeVersion`). */
  readonly asksVersion?: true;
}
