import type { App, AppPlacement } from "./app.ts";
import type { Fleet, LayoutEntry } from "./fleet.ts";
import { matchesGlob } from "./match-glob.ts";
import { dnsLabelFault, labelValueFault } from "./label-syntax.ts";
import { fillCaptures, fillSelector, fillValues } from "./normalise-selector.ts";
import type { Captures } from "./normalise-selector.ts";
import type { Problem } from "./problem.ts";
import type { ClusterSelector } from "./selector.ts";

export interface LayoutInput {
  readonly fleet: Fleet;
  /** Folders that directly hold something that can be rendered, sorted. */
  readonly folders: readonly string[];
  /** Names and folders that App files already are: they win over the layout. */
  readonly claimedNames: ReadonlySet<string>;
  readonly claimedFolders: ReadonlySet<string>;
}

interface Match {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly placement: AppPlacement;
}

/**
 * The apps a layout finds: one placement for each folder an entry matches, placements of one name together. The first
 * entry that matches a folder takes it; folders and names that App files claim are left alone. Sorted by name.
 */
export function matchLayout(input: LayoutInput): {
  readonly apps: readonly App[];
  readonly problems: readonly Problem[];
} {
  const problems: Problem[] = [];
  const byName = new Map<string, Match[]>();
  const taken = new Set<string>();
  for (const entry of input.fleet.layout) {
    const pattern = patternOf(entry.path);
    let matched = false;
    for (const folder of input.folders) {
      const captures = pattern.exec(folder)?.groups ?? (pattern.test(folder) ? {} : undefined);
      if (captures === undefined || entry.exclude.some((glob) => matchesGlob(glob, folder))) continue;
      matched = true;
      if (taken.has(folder)) continue;
      taken.add(folder);
      if (input.claimedFolders.has(folder)) continue;
      const match = matchFolder(entry, { folder, captures, problems });
      if (match === undefined || input.claimedNames.has(match.name)) continue;
      const others = byName.get(match.name);
      if (others === undefined) byName.set(match.name, [match]);
      else others.push(match);
    }
    if (!matched) problems.push(unmatched(entry));
  }
  const names = [...byName.keys()].sort();
  return { apps: names.map((name) => appOf(name, byName.get(name) as Match[], input.fleet.defaults)), problems };
}

/** Captures never match hidden folders. */
function patternOf(path: string): RegExp {
  const segments = path.split("/").map((segment) => {
    const name = /^\{(\w+)\}$/.exec(segment)?.[1];
    return name === undefined
      ? segment.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")
      : `(?<${name}>(?!node_modules/)[^./][^/]*)`;
  });
  return new RegExp(`^${segments.join("/")}$`);
}

interface FolderContext {
  readonly folder: string;
  readonly captures: Captures;
  readonly problems: Problem[];
}

function matchFolder(entry: LayoutEntry, { folder, captures, problems }: FolderContext): Match | undefined {
  const name = fillCaptures(entry.app, captures);
  const namespace = entry.namespace === undefined ? undefined : fillCaptures(entry.namespace, captures);
  const labels = fillValues(entry.labels, captures);
  const clusters = fillSelector(entry.clusters, captures);
  const faults = [
    faultOf("the app's name", dnsLabelFault(name)),
    faultOf("the namespace", namespace === undefined ? undefined : dnsLabelFault(namespace)),
    ...Object.values(labels).map((value) => faultOf("a label", labelValueFault(value))),
    ...selectorFaults(clusters),
  ].filter((fault) => fault !== undefined);
  for (const fault of faults) {
    problems.push({
      severity: "error",
      code: "schema",
      message: `the folder ${folder} does not fit: ${fault}; rename the folder, or add it to exclude of this entry`,
      place: entry.declaredAt,
    });
  }
  if (faults.length > 0) return undefined;
  const placement: AppPlacement = {
    path: folder,
    clusters,
    ...(namespace !== undefined && { namespace }),
    values: {},
    valuesFiles: [],
    overrides: [],
    declaredAt: entry.declaredAt,
  };
  return { name, labels, placement };
}

function faultOf(what: string, fault: string | undefined): string | undefined {
  return fault === undefined ? undefined : `as ${what}, ${fault}`;
}

function selectorFaults({
  matchLabels,
  matchExpressions,
  names,
  exclude,
}: ClusterSelector): readonly (string | undefined)[] {
  const values = [...Object.values(matchLabels), ...matchExpressions.flatMap((requirement) => requirement.values)];
  return [
    ...values.map((value) => faultOf("a label to select by", labelValueFault(value))),
    ...names.map((name) => faultOf("a cluster's name", dnsLabelFault(name))),
    ...(exclude === undefined ? [] : selectorFaults(exclude)),
  ];
}

function unmatched(entry: LayoutEntry): Problem {
  return {
    severity: "warning",
    code: "ignored",
    message: `no folder that holds manifests, a kustomization or a chart matches ${entry.path}`,
    place: entry.declaredAt,
    field: "path",
  };
}

/** An app has the labels on which all its folders agree. */
function appOf(name: string, matches: readonly Match[], defaults: Fleet["defaults"]): App {
  const first = matches[0] as Match;
  const agreed = Object.entries(first.labels).filter(([key, value]) =>
    matches.every(({ labels }) => labels[key] === value),
  );
  return {
    name,
    labels: Object.fromEntries(agreed),
    placements: matches.map(({ placement }) => placement).toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    settings: { ...defaults, dependsOn: [], ignoreDifferences: [] },
    substitute: {},
    declaredAt: first.placement.declaredAt,
  };
}
