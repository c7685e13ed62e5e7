import type { HealthCheck, SyncSettings } from "./app.ts";
import type { BranchPattern } from "./branch-pattern.ts";
import type { Place } from "./problem.ts";
import type { ClusterSelector } from "./selector.ts";

/** `axle.yaml`, normalised. */
export interface Fleet {
  readonly name: string;
  /** Globs relative to the root. */
  readonly clusterFiles: readonly string[];
  /** Where each of them stands. */
  readonly clusterFilesAt: ReadonlyMap<string, Place>;
  readonly layout: readonly LayoutEntry[];
  /** What an App that says nothing gets. */
  readonly defaults: { readonly sync: SyncSettings; readonly healthChecks: readonly HealthCheck[] };
  readonly guards: FleetGuards;
  /** Kustomizations may read files of the repository outside of their own folders: kustomize's LoadRestrictionsNone. */
  readonly readsAnywhere?: true;
  readonly declaredAt: Place;
}

/** What the fleet lets pass. */
export interface FleetGuards {
  /** Secrets whose values stand in the repository in the clear; those SOPS encrypted are not meant. */
  readonly plainSecrets: "allow" | "warn" | "deny";
}

export const DEFAULT_GUARDS: FleetGuards = { plainSecrets: "warn" };

/** Folders that become apps. `{x}` in `path` captures one path segment and may stand in every other text of the entry. */
export interface LayoutEntry {
  readonly path: string;
  /** The folders are those of this branch, or of every branch that fits the pattern, whose captures count like the path's. */
  readonly branch?: BranchPattern;
  /** The folders are those of this branch, tag or commit. Never beside `branch`. */
  readonly ref?: string;
  /** The app's name, captures not yet filled in; `{app}` when the path captures it. */
  readonly app: string;
  /** Globs of folders this entry leaves alone. */
  readonly exclude: readonly string[];
  /** Captures not yet filled in. */
  readonly clusters: ClusterSelector;
  readonly namespace?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly declaredAt: Place;
}
