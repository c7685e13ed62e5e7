import type { App, AppPlacement } from "../fleet/app.ts";
import type { FleetCluster } from "../fleet/cluster.ts";
import { describeMismatch, explainSelector } from "../fleet/explain-selector.ts";
import type { SelectorExplanation } from "../fleet/explain-selector.ts";
import { matchCluster } from "../fleet/match-selector.ts";
import { formatPlace } from "../fleet/problem.ts";
import type { Place } from "../fleet/problem.ts";
import { describeFolder } from "../fleet/source-request.ts";
import type { Resolution } from "./resolution.ts";

/** One app on one cluster: that it gets it, and why, or what keeps it away. */
export interface TargetExplanation {
  readonly cluster: string;
  readonly app: string;
  readonly gets: boolean;
  /** `env=prod (axle.yaml:7)`, or `needs env=prod, has env=dev (axle.yaml:7)`. */
  readonly why: string;
  /** The folder its objects come from, overrides counted; "" where it gets nothing. */
  readonly source: string;
  /** Overrides that apply there, with their places. */
  readonly overrides: readonly string[];
  /** Exactly one part of a selector is missing. Always false where it gets the app. */
  readonly nearly: boolean;
}

export interface ExplainInput {
  readonly apps: readonly App[];
  readonly clusters: readonly FleetCluster[];
  readonly resolution: Resolution;
}

/** Every app on every cluster, sorted by cluster and app; linear in their product, so for commands, not for the loop. */
export function explainTargets({ apps, clusters, resolution }: ExplainInput): readonly TargetExplanation[] {
  const byName = apps.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return clusters
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((cluster) => byName.map((app) => explain(app, cluster, resolution)));
}

function explain(app: App, cluster: FleetCluster, { apps, broken }: Resolution): TargetExplanation {
  const resolved = apps.get(app.name);
  const target = resolved?.targets.get(cluster.id);
  const about = { cluster: cluster.name, app: app.name };
  if (target !== undefined) {
    const path = resolved?.variants.get(target.variant)?.path ?? "";
    const source = path === "" ? "" : describeFolder(path);
    const placement = app.placements.find(({ clusters }) => matchCluster(clusters, cluster) !== undefined);
    const why = `${target.because} (${lineOf(target.placedBy)})`;
    return { ...about, gets: true, why, source, overrides: overridesOf(placement, cluster), nearly: false };
  }
  const held = broken.get(app.name);
  if (held?.clusters.includes(cluster.id) === true) {
    return { ...about, gets: false, why: `held: ${held.reason}`, source: "", overrides: [], nearly: true };
  }
  const explained = app.placements.map((placement) => ({
    place: lineOf(placement.clusters.declaredAt ?? placement.declaredAt),
    explanation: explainSelector(placement.clusters, cluster),
  }));
  const least = Math.min(...explained.map(({ explanation }) => missing(explanation)));
  const nearest = explained.filter(({ explanation }) => missing(explanation) === least);
  return { ...about, gets: false, why: describeMisses(nearest), source: "", overrides: [], nearly: least === 1 };
}

interface Miss {
  readonly place: string;
  readonly explanation: SelectorExplanation;
}

const MOST_WAYS = 3;

/** Of an app with several folders, what each of the nearest would take; the place once where it is one. */
function describeMisses(misses: readonly Miss[]): string {
  const places = new Set(misses.map(({ place }) => place));
  const [only] = places.size === 1 ? places : [];
  const ways = new Set(
    misses.map(({ place, explanation }) => {
      const text = describeMismatch(explanation);
      return only === undefined ? `${text} (${place})` : text;
    }),
  );
  const more = ways.size > MOST_WAYS ? `; or one of ${ways.size - MOST_WAYS} more` : "";
  const text = `${[...ways].slice(0, MOST_WAYS).join("; or ")}${more}`;
  return only === undefined ? text : `${text} (${only})`;
}

function overridesOf(placement: AppPlacement | undefined, cluster: FleetCluster): readonly string[] {
  return (placement?.overrides ?? []).flatMap(({ clusters, declaredAt }) => {
    const match = matchCluster(clusters, cluster);
    return match === undefined ? [] : [`${match.because} (${lineOf(declaredAt)})`];
  });
}

function missing({ parts }: SelectorExplanation): number {
  return parts.filter(({ holds }) => !holds).length;
}

function lineOf({ file, line }: Place): string {
  return formatPlace({ file, line, column: 0 }).replace(/:0$/, "");
}
