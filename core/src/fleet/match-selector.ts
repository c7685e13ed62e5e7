import type { FleetCluster } from "./cluster.ts";
import { FACT_PREFIX } from "./label-syntax.ts";
import type { ClusterSelector, LabelRequirement } from "./selector.ts";

type Matchable = Pick<FleetCluster, "name" | "labels" | "facts">;
type Parts = Omit<ClusterSelector, "exclude">;

/** Whether a cluster is meant, and because of what: `env=prod, region in (eu, us)`. */
export function matchCluster(selector: ClusterSelector, cluster: Matchable): Match | undefined {
  return selectorMatcher(selector)(cluster);
}

export interface Match {
  readonly because: string;
}

/** {@link matchCluster} for one selector and many clusters: says why without putting it into words each time. */
export function selectorMatcher(selector: ClusterSelector): (cluster: Matchable) => Match | undefined {
  let shared: Match | undefined;
  return (cluster) => {
    if (!matchesParts(selector, cluster)) return undefined;
    if (selector.exclude !== undefined && matchesParts(selector.exclude, cluster)) return undefined;
    if (selector.names.length > 0) return { because: describeMatch(selector, cluster.name) };
    shared ??= { because: describeMatch(selector, cluster.name) };
    return shared;
  };
}

/** A selector in words; the same for every cluster it reaches. */
export function describeSelector(selector: ClusterSelector): string {
  const parts = describeParts(selector);
  const positive = selector.names.length === 0 ? parts : [...parts, `name in (${selector.names.join(", ")})`];
  const text = positive.length === 0 ? "all clusters" : positive.join(", ");
  return selector.exclude === undefined ? text : `${text}, but not ${describeSelector(selector.exclude)}`;
}

function describeMatch(selector: ClusterSelector, name: string): string {
  const parts = describeParts(selector);
  if (selector.names.length > 0) parts.push(`name ${name}`);
  return parts.length === 0 ? "all clusters" : parts.join(", ");
}

function describeParts({ matchLabels, matchExpressions }: Parts): string[] {
  return [
    ...Object.entries(matchLabels)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(describeRequirement),
  ];
}

function describeRequirement({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case "In":
      return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.join(", ")})`;
    case "NotIn":
      return values.length === 1 ? `${key}!=${values[0]}` : `${key} notin (${values.join(", ")})`;
    case "Exists":
      return key;
    case "DoesNotExist":
      return `!${key}`;
  }
}

/** A part that selects nothing (which the schema refuses) matches nothing. */
function matchesParts({ all, matchLabels, matchExpressions, names }: Parts, cluster: Matchable): boolean {
  if (names.length > 0 && !names.includes(cluster.name)) return false;
  let selects = all || names.length > 0 || matchExpressions.length > 0;
  for (const key in matchLabels) {
    if (labelOf(cluster, key) !== matchLabels[key]) return false;
    selects = true;
  }
  return selects && matchExpressions.every((requirement) => meets(requirement, labelOf(cluster, requirement.key)));
}

/** As in Kubernetes: a label that is not there is not in any list. */
function meets({ operator, values }: LabelRequirement, label: string | undefined): boolean {
  switch (operator) {
    case "In":
      return label !== undefined && values.includes(label);
    case "NotIn":
      return label === undefined || !values.includes(label);
    case "Exists":
      return label !== undefined;
    case "DoesNotExist":
      return label === undefined;
  }
}

/** What a cluster says for a key, facts included; undefined when it says nothing. */
export function labelOf({ labels, facts }: Matchable, key: string): string | undefined {
  if (!key.startsWith(FACT_PREFIX)) return Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (key.slice(FACT_PREFIX.length)) {
    case "provider":
      return facts.provider === "" ? undefined : facts.provider;
    case "kubernetes-version":
      return facts.kubernetesVersion === "" ? undefined : facts.kubernetesVersion;
    case "kubernetes-minor":
      return /^v?(\d+\.\d+)/.exec(facts.kubernetesVersion)?.[1];
    default:
      return undefined;
  }
}
