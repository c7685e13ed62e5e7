import type { ClusterSelector } from "./selector.ts";
import type { Place } from "./problem.ts";

/** The unit of delivery, normalised: defaults filled in, whether it was written as an App file or found by a layout. */
export interface App {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The alternatives that can reach a cluster; two that reach the same one are an error. An App file has one, a layout one per folder. */
  readonly placements: readonly AppPlacement[];
  readonly settings: AppSettings;
  /** Placeholder name -> path into the cluster, e.g. `cluster.values.domain`. */
  readonly substitute: Readonly<Record<string, string>>;
  readonly declaredAt: Place;
  /** Where more of it stands, for what is only found wrong once the fleet is known. */
  readonly places?: {
    readonly dependsOn?: Place;
    /** By name of the placeholder. */
    readonly substitute?: Readonly<Record<string, Place>>;
  };
}

/** One source and whom it reaches. */
export interface AppPlacement {
  /**
   * Folder relative to the root of the repository, no leading or trailing slash; "" is the root. What is not in the commit
   * itself (another ref, another repository, a chart) stands below `.axle/sources`.
   */
  readonly path: string;
  readonly clusters: ClusterSelector;
  readonly namespace?: string;
  /** Of Helm; absent: the app's name. */
  readonly releaseName?: string;
  /** Helm values of the App itself. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Relative to the root of the repository. */
  readonly valuesFiles: readonly string[];
  readonly overrides: readonly AppOverride[];
  /** As the fleet says: its kustomizations may name any file of the repository. */
  readonly readsAnywhere?: true;
  readonly declaredAt: Place;
}

export interface AppOverride {
  readonly clusters: ClusterSelector;
  readonly path?: string;
  readonly namespace?: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly valuesFiles: readonly string[];
  readonly patches: readonly Readonly<Record<string, unknown>>[];
  readonly declaredAt: Place;
}

/** What the agent needs to know of an app beside its objects. Travels in the slice. */
export interface AppSettings {
  readonly sync: SyncSettings;
  readonly dependsOn: readonly string[];
  /** For objects that name no namespace and are namespaced. */
  readonly namespace?: string;
  readonly ignoreDifferences: readonly IgnoreRule[];
  /** The first that fits an object and decides wins; the App's own come before the fleet's. */
  readonly healthChecks: readonly HealthCheck[];
}

/**
 * What health means for some objects, over what is known of their kind. The first five parts are globs that must all fit;
 * the others are CEL over the object, asked in the order inProgress, failed, healthy. Without `healthy`, an object for
 * which none is true is judged by its kind.
 */
export interface HealthCheck {
  readonly group?: string;
  readonly kind: string;
  /** Group and version, e.g. `example.com/v1`. */
  readonly apiVersion?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly inProgress?: string;
  readonly failed?: string;
  readonly healthy?: string;
}

/** Fields that others may change: neither drift nor applied again. All given parts must fit an object; names are globs. */
export interface IgnoreRule {
  readonly group?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
  /** RFC 6901, e.g. `/spec/template/spec/containers/0/image`; `*` stands for every item of a list or member of a map. */
  readonly jsonPointers?: readonly string[];
  /** CEL that selects fields, see health/cel-fields.ts. */
  readonly celPaths?: readonly string[];
  /** Whatever these field managers set. */
  readonly managers?: readonly string[];
}

/** `MustMatch`: only what is ours already; `AdoptIfNoInventory`: also what nobody claims; `AdoptAll`: whoever claims it. */
export const ADOPTION_POLICIES = ["MustMatch", "AdoptIfNoInventory", "AdoptAll"] as const;
export type AdoptionPolicy = (typeof ADOPTION_POLICIES)[number];

export const DELETION_POLICIES = ["background", "foreground", "orphan"] as const;
export type DeletionPolicy = (typeof DELETION_POLICIES)[number];

export interface SyncSettings {
  readonly mode: "auto" | "observe";
  readonly prune: boolean;
  /** What the app no longer declares goes before the rest is applied; default: after, when the app is healthy. */
  readonly pruneFirst?: boolean;
  /** How objects go that leave Git; default background. `orphan`: they are let go and stay. */
  readonly deletion?: DeletionPolicy;
  readonly selfHeal: boolean;
  readonly force: boolean;
  /** Which existing objects the app may take over; default AdoptIfNoInventory. */
  readonly adopt?: AdoptionPolicy;
  /** What is done about containers, ports and the like that others add inside `spec`; default report. */
  readonly unknownFields?: "report" | "remove";
  /** The app's namespace is made where it is missing and nobody declares it; default false. It is never deleted. */
  readonly createNamespace?: boolean;
  /** In whose name it is applied on every cluster, `namespace/name`; the agent's own, or its default, when not given. */
  readonly serviceAccount?: string;
  /** How long the app may take to become healthy before it counts as failed. */
  readonly timeoutMs: number;
  /** What a chart makes anew each time it renders (passwords, keys) stays as first published until this text changes. */
  readonly regenerate?: string;
}

export const DEFAULT_SYNC: SyncSettings = {
  mode: "auto",
  prune: true,
  selfHeal: true,
  force: false,
  timeoutMs: 5 * 60_000,
};
