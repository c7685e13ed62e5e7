import type { FleetCluster } from "./cluster.ts";
import { describeSelector, labelOf, matchCluster } from "./match-selector.ts";
import type { ClusterSelector } from "./selector.ts";

/** Why a selector does, or does not, reach one cluster: part by part. */
export interface SelectorExplanation {
  readonly matches: boolean;
  /** In words, in the order they are written: labels, expressions, names, what is excluded. */
  readonly parts: readonly SelectorPart[];
}

export interface SelectorPart {
  /** The part in the words of {@link describeSelector}: `env=prod`, `name in (a, b)`, `not region=eu`. */
  readonly part: string;
  readonly holds: boolean;
  /** What the cluster has instead; absent where the part holds. */
  readonly found?: string;
}

type Explained = Pick<FleetCluster, "name" | "labels" | "facts">;

/** {@link matchCluster}, with a word on every part. */
export function explainSelector(selector: ClusterSelector, cluster: Explained): SelectorExplanation {
  const { matchLabels, matchExpressions, names, exclude } = selector;
  const nothing = { all: false, matchLabels: {}, matchExpressions: [], names: [] } satisfies ClusterSelector;
  const parts = [
    ...Object.entries(matchLabels)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => partOf({ ...nothing, matchLabels: { [key]: value } }, cluster, key)),
    ...matchExpressions.map((one) => partOf({ ...nothing, matchExpressions: [one] }, cluster, one.key)),
    ...(names.length > 0 ? [partOf({ ...nothing, names }, cluster, undefined)] : []),
  ];
  if (exclude !== undefined) {
    const excluded = matchCluster(exclude, cluster);
    const part = `not ${describeSelector(exclude)}`;
    parts.push(
      excluded === undefined ? { part, holds: true } : { part, holds: false, found: `excluded by ${excluded.because}` },
    );
  }
  return { matches: matchCluster(selector, cluster) !== undefined, parts };
}

function partOf(selector: ClusterSelector, cluster: Explained, key: string | undefined): SelectorPart {
  const part = describeSelector(selector);
  if (matchCluster(selector, cluster) !== undefined) return { part, holds: true };
  if (key === undefined) return { part, holds: false, found: `name ${cluster.name}` };
  const label = labelOf(cluster, key);
  return { part, holds: false, found: label === undefined ? `no ${key}` : `${key}=${label}` };
}

/** What keeps a cluster out, in one line: `needs env=prod, but has env=dev`. "" when it matches. */
export function describeMismatch({ parts }: SelectorExplanation): string {
  return parts
    .filter(({ holds }) => !holds)
    .map(({ part, found }) => (part.startsWith("not ") ? (found ?? part) : `needs ${part}, has ${found ?? "nothing"}`))
    .join("; ");
}
