import type { App, AppPlacement } from "./app.ts";
import { branchMatcher, branchMount, isFixedBranch } from "./branch-pattern.ts";
import type { Fleet, LayoutEntry } from "./fleet.ts";
import { matchesGlob } from "./match-glob.ts";
import { dnsLabelFault, labelValueFault } from "./label-syntax.ts";
import { fillCaptures, fillSelector, fillValues } from "./normalise-selector.ts";
import type { Captures } from "./normalise-selector.ts";
import type { Problem } from "./problem.ts";
import type { ClusterSelector } from "./selector.ts";
import { describeFolder, mountOf } from "./source-request.ts";

export interface LayoutInput {
  readonly fleet: Fleet;
  /** Folders that directly hold something that can be rendered, sorted. */
  readonly folders: readonly string[];
  /** Names and folders that App files already are: they win over the layout. */
  readonly claimedNames: ReadonlySet<string>;
  readonly claimedFolders: ReadonlySet<string>;
  /** Branches of the repository, sorted; none by default. */
  readonly branches?: readonly string[];
  /** Folders that hold a Chart.yaml, those of {@link mounted} with their mount; none by default. */
  readonly charts?: ReadonlySet<string>;
  /** Folders as above of other branches, tags and commits, relative to their root, by the folder they are mounted in. */
  readonly mounted?: ReadonlyMap<string, readonly string[]>;
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
    const places = placesOf(entry, input);
    let matched = false;
    let took = false;
    for (const { mount, captured, folders } of places) {
      for (const relative of folders) {
        const found = pattern.exec(relative);
        if (found === null || entry.exclude.some((glob) => matchesGlob(glob, relative))) continue;
        if (capturesChartPart(entry.path, { mount, relative, charts: input.charts })) continue;
        const captures = { ...captured, ...found.groups };
        const folder = joinPath(mount, relative);
        matched = true;
        if (taken.has(folder)) continue;
        taken.add(folder);
        took = true;
        // Of other refs an App file claims names alone: what it reads there is no folder of this commit.
        if (mount === "" && input.claimedFolders.has(folder)) continue;
        const match = matchFolder(entry, { folder, captures, problems, readsAnywhere: input.fleet.readsAnywhere });
        if (match === undefined || input.claimedNames.has(match.name)) continue;
        const others = byName.get(match.name);
        if (others === undefined) byName.set(match.name, [match]);
        else others.push(match);
      }
    }
    if (!matched) problems.push(unmatched(entry, places.length > 0));
    else if (!took) problems.push(shadowed(entry));
  }
  const names = [...byName.keys()].sort();
  return { apps: names.map((name) => appOf(name, byName.get(name) as Match[], input.fleet.defaults)), problems };
}

/** Where the folders of an entry stand: in the commit itself, or in what is mounted of a branch or another ref. */
interface EntryPlace {
  readonly mount: string;
  readonly captured: Captures;
  readonly folders: readonly string[];
}

function placesOf(entry: LayoutEntry, { folders, branches = [], mounted }: LayoutInput): readonly EntryPlace[] {
  const placeAt = (mount: string, captured: Captures): EntryPlace => ({
    mount,
    captured,
    folders: mounted?.get(mount) ?? [],
  });
  if (entry.ref !== undefined) return [placeAt(mountOf({ type: "ref", ref: entry.ref }), {})];
  if (entry.branch === undefined) return [{ mount: "", captured: {}, folders }];
  // What the repository lacks may still be mounted: the commit it was seen with last.
  if (isFixedBranch(entry.branch)) return [placeAt(branchMount(entry.branch), {})];
  const matches = branchMatcher(entry.branch);
  return branches.flatMap((branch) => {
    const captured = matches(branch);
    return captured === undefined ? [] : [placeAt(branchMount(branch), captured)];
  });
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

/** What only means something as a part of the chart around it. */
const CHART_PARTS: ReadonlySet<string> = new Set(["templates", "charts", "crds"]);

interface FolderPlace {
  readonly mount: string;
  readonly relative: string;
  readonly charts: ReadonlySet<string> | undefined;
}

/** Whether a capture of the path stands for such a part; one that the path names is meant. */
function capturesChartPart(path: string, { mount, relative, charts }: FolderPlace): boolean {
  if (charts === undefined || charts.size === 0) return false;
  const pattern = path.split("/");
  return relative
    .split("/")
    .some(
      (segment, index, segments) =>
        CHART_PARTS.has(segment) &&
        pattern[index] !== segment &&
        charts.has(joinPath(mount, segments.slice(0, index).join("/"))),
    );
}

function joinPath(mount: string, relative: string): string {
  return mount === "" ? relative : relative === "" ? mount : `${mount}/${relative}`;
}

interface FolderContext {
  readonly folder: string;
  readonly captures: Captures;
  readonly problems: Problem[];
  readonly readsAnywhere: Fleet["readsAnywhere"] | undefined;
}

function matchFolder(
  entry: LayoutEntry,
  { folder, captures, problems, readsAnywhere }: FolderContext,
): Match | undefined {
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
  // A push to another branch must not refuse this one's commit; what never fitted was no app before.
  const isOwn = entry.branch === undefined && entry.ref === undefined;
  for (const fault of faults) {
    const left = isOwn ? "" : " and is left out";
    problems.push({
      severity: isOwn ? "error" : "warning",
      code: isOwn ? "schema" : "ignored",
      message: `the folder ${describeFolder(folder)} does not fit${left}: ${fault}; rename it, or add it to exclude of this entry`,
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
    ...(readsAnywhere && { readsAnywhere }),
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

function unmatched(entry: LayoutEntry, hasPlaces: boolean): Problem {
  const { branch, ref, declaredAt } = entry;
  const about = { severity: "warning", code: "ignored", place: declaredAt } as const;
  if (!hasPlaces) return { ...about, message: `no branch of the repository matches ${branch ?? ""}`, field: "branch" };
  const where = branch === undefined ? (ref === undefined ? "" : ` at ${ref}`) : ` on branch ${branch}`;
  const shown = entry.path === "" ? "the root" : entry.path;
  const message = `no folder that holds manifests, a kustomization or a chart matches ${shown}${where}`;
  return { ...about, message, field: "path" };
}

function shadowed({ path, declaredAt }: LayoutEntry): Problem {
  const shown = path === "" ? "the root" : path;
  const message = `an entry before this one takes every folder that matches ${shown}; put this one first`;
  return { severity: "warning", code: "ignored", message, place: declaredAt, field: "path" };
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
