import type { FleetCluster } from "@axle/core/fleet/cluster.ts";
import { dnsLabelFault } from "@axle/core/fleet/label-syntax.ts";
import { suggest } from "@axle/core/fleet/suggest.ts";
import { compareTargets } from "@axle/core/placement/compare-targets.ts";
import type { TargetComparison } from "@axle/core/placement/compare-targets.ts";
import { resolve } from "@axle/core/placement/resolve.ts";
import { CliError } from "../cli-error.ts";
import type { Checkout } from "./checkout.ts";
import { applyLabelChange, parseNamedChange } from "./cluster-change.ts";

/** What `--what-if` and `--what-if-new` say, as they were written. */
export interface WhatIf {
  /** `NAME,key=value,key-` for clusters there are. */
  readonly changed: readonly string[];
  /** `NAME,key=value` for clusters there are not. */
  readonly added: readonly string[];
}

/** What would change with other labels, or more clusters. Throws CliError "usage" and "not-found". */
export function whatIf(checkout: Checkout, wish: WhatIf): TargetComparison {
  const clusters = new Map(checkout.clusters.map((cluster) => [cluster.name, cluster]));
  for (const text of wish.changed) {
    const { cluster: name, change } = parseNamedChange(text);
    const cluster = clusters.get(name);
    if (cluster === undefined) throw unknownCluster(name, clusters.keys());
    clusters.set(name, { ...cluster, labels: applyLabelChange(cluster.labels, change) });
  }
  for (const text of wish.added) {
    const { cluster: name, change } = parseNamedChange(text);
    const fault = dnsLabelFault(name);
    if (fault !== undefined) throw new CliError("usage", fault);
    if (clusters.has(name)) {
      throw new CliError("usage", `there is a cluster ${name} already`, {
        remedy: "use --what-if for clusters there are",
      });
    }
    clusters.set(name, newCluster(name, change.set));
  }
  return compareWith(checkout, [...clusters.values()]);
}

/** The same checkout with these clusters instead of its own. */
export function compareWith(checkout: Checkout, clusters: readonly FleetCluster[]): TargetComparison {
  const { contract, sources } = checkout;
  return compareTargets(checkout, { clusters, resolution: resolve({ contract, clusters, sources }) });
}

export function newCluster(
  name: string,
  labels: Readonly<Record<string, string>>,
  values: Readonly<Record<string, unknown>> = {},
): FleetCluster {
  const facts = { kubernetesVersion: "", provider: "", nodes: 0, apiVersions: [] };
  return { id: name, name, labels, values, facts };
}

export function unknownCluster(name: string, known: Iterable<string>): CliError {
  const names = [...known];
  const near = suggest(name, names);
  return new CliError("not-found", `there is no cluster ${name}`, {
    remedy:
      near === undefined ? `there are: ${names.toSorted().slice(0, 20).join(", ") || "none"}` : `did you mean ${near}?`,
  });
}
