import type { Place } from "./problem.ts";

/** Which clusters; all given parts must hold. `all` with nothing else reaches every cluster. */
export interface ClusterSelector {
  readonly all: boolean;
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly LabelRequirement[];
  readonly names: readonly string[];
  readonly exclude?: Omit<ClusterSelector, "exclude">;
  readonly declaredAt?: Place;
}

export interface LabelRequirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values: readonly string[];
}
