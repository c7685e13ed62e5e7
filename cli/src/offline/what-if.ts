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

/** What would change with other labels, or more clusters, for all or one of them. Throws CliError "usage" and "not-found". */
export function whatIf(
  checkout: Checkout,
  wish: WhatIf,
  only: { readonly app?: string; readonly cluster?: string } = {},
): TargetComparison {
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
    const [removed] = change.remove;
    if (removed !== undefined) throw new CliError("usage", `a new cluster has no label ${removed} to take away`);
    clusters.set(name, newCluster(name, change.set));
  }
  if (only.app !== undefined) requireApp(only.app, checkout);
  if (only.cluster !== undefined && !clusters.has(only.cluster)) throw unknownCluster(only.cluster, clusters.keys());
  const { changes, problems } = compareWith(checkout, [...clusters.values()]);
  const asked = changes.filter(
    ({ app, cluster }) =>
      (only.app === undefined || app === only.app) && (only.cluster === undefined || cluster === only.cluster),
  );
  return { changes: asked, problems };
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
  const others =
    names.length === 0
      ? `there are none; \`axle cluster add ${name} env=prod\` writes a file for one`
      : `there are: ${names.toSorted().slice(0, 20).join(", ")}`;
  return new CliError("not-found", `there is no cluster ${name}`, {
    remedy: near === undefined ? others : `did you mean ${near}?`,
  });
}

/** Throws CliError "not-found" where no file and no layout gives an app of this name. */
export function requireApp(name: string, { contract }: Checkout): void {
  const names = contract.apps.map((app) => app.name);
  if (names.includes(name)) return;
  const near = suggest(name, names);
  throw new CliError("not-found", `there is no app ${name}`, {
    remedy: near === undefined ? "`axle validate` shows what the repository says" : `did you mean ${near}?`,
  });
}
