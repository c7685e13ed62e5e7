import type { FleetCluster } from "../fleet/cluster.ts";
import type { Substitutions } from "../slice/slice.ts";

export type SubstitutionResolution =
  | { readonly values: Substitutions }
  /** `path` leads to nothing, or to something that is no text, number or boolean. */
  | {
      readonly missing: {
        readonly name: string;
        readonly path: string;
        readonly found: "nothing" | "a mapping or list";
      };
    };

/** What the names an App declares stand for on one cluster, each of the type it has there. */
export function resolveSubstitutions(
  substitute: Readonly<Record<string, string>>,
  cluster: FleetCluster,
): SubstitutionResolution {
  const values: Record<string, string | number | boolean> = {};
  for (const [name, path] of Object.entries(substitute).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const value = lookUp(path, cluster);
    if (value === undefined || value === null) return { missing: { name, path, found: "nothing" } };
    if (typeof value === "object") return { missing: { name, path, found: "a mapping or list" } };
    values[name] = value as string | number | boolean;
  }
  return { values };
}

function lookUp(path: string, cluster: FleetCluster): unknown {
  if (path === "cluster.name") return cluster.name;
  if (path === "cluster.id") return cluster.id;
  const label = /^cluster\.labels\.(.+)$/.exec(path)?.[1];
  if (label !== undefined) return Object.hasOwn(cluster.labels, label) ? cluster.labels[label] : undefined;
  const steps = path.split(".").slice(2);
  return steps.reduce<unknown>(
    (value, step) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, step)
        ? (value as Readonly<Record<string, unknown>>)[step]
        : undefined,
    cluster.values,
  );
}
