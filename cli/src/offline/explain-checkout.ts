import { matchCluster } from "@axle/core/fleet/match-selector.ts";
import { explainTargets } from "@axle/core/placement/explain-targets.ts";
import type { TargetExplanation } from "@axle/core/placement/explain-targets.ts";
import type { Column } from "../output/table.ts";
import type { Checkout } from "./checkout.ts";
import { readSelector } from "./list-targets.ts";
import { requireApp, unknownCluster } from "./what-if.ts";

export interface ExplainQuery {
  readonly selector?: string;
  readonly app?: string;
  readonly cluster?: string;
}

/** Why, and why not: all of an app or a cluster that is asked for by name, else what matches and what nearly does. */
export function explainCheckout(checkout: Checkout, query: ExplainQuery): readonly TargetExplanation[] {
  const { contract, resolution } = checkout;
  const selector = readSelector(query.selector ?? "");
  const apps = contract.apps.filter(({ name }) => query.app === undefined || name === query.app);
  if (query.app !== undefined) requireApp(query.app, checkout);
  const clusters = checkout.clusters.filter(
    (cluster) =>
      (query.cluster === undefined || cluster.name === query.cluster) && matchCluster(selector, cluster) !== undefined,
  );
  if (query.cluster !== undefined && clusters.length === 0) {
    throw unknownCluster(
      query.cluster,
      checkout.clusters.map(({ name }) => name),
    );
  }
  const isNamed = query.app !== undefined || query.cluster !== undefined;
  return explainTargets({ apps, clusters, resolution }).filter(({ gets, nearly }) => isNamed || gets || nearly);
}

export const explanationColumns: readonly Column<TargetExplanation>[] = [
  { title: "CLUSTER", text: ({ cluster }) => cluster },
  { title: "APP", text: ({ app }) => app },
  { title: "GETS IT", text: ({ gets }) => (gets ? "yes" : "no") },
  { title: "WHY", text: ({ why }) => why, flexible: true },
  { title: "SOURCE", text: ({ source, gets }) => (gets ? source || "/" : ""), flexible: true },
  { title: "OVERRIDES", text: ({ overrides }) => overrides.join("; "), flexible: true },
];
