import { DEFAULT_SYNC } from "./app.ts";
import type { App } from "./app.ts";
import type { ClusterFile } from "./cluster.ts";
import type { Contract } from "./contract.ts";
import { DocumentMemo } from "./document-memo.ts";
import type { Fleet } from "./fleet.ts";
import { matchesGlob } from "./match-glob.ts";
import { matchLayout } from "./match-layout.ts";
import type { Place, Problem } from "./problem.ts";
import { readApp } from "./read-app.ts";
import type { AppReading } from "./read-app.ts";
import { readDocuments } from "./read-documents.ts";
import type { ContractDocument } from "./read-documents.ts";
import { readFleet } from "./read-fleet.ts";
import { finish } from "../steps.ts";
import type { Steps } from "../steps.ts";
import { baseNameOf, FLEET_FILE, folderOf, isAppFileName, resolveRepositoryPath } from "./repository-path.ts";
import { SOURCES_FOLDER } from "./source-request.ts";

const CHART_FILE = "Chart.yaml";
const REFS_FOLDER = `${SOURCES_FOLDER}/ref/`;

/**
 * Which files {@link readContract} needs the text of: `axle.yaml`, what its `clusterFiles` match, every App file. Sorted.
 * An unreadable `axle.yaml` gives what can be told without it.
 */
export function contractFilesOf(fleetText: string | undefined, paths: Iterable<string>): readonly string[] {
  const all = [...paths].filter((path) => !isMounted(path));
  const fleet = fleetText === undefined ? undefined : finish(readFleetFile(fleetText)).fleet;
  const clusterFiles = new Set(clusterFilesOf(fleet, all));
  const isAppFile = appFileTest(all);
  return all.filter((path) => path === FLEET_FILE || clusterFiles.has(path) || isAppFile(path)).sort();
}

export interface ContractInput {
  /** Every file of the commit, relative to the root. */
  readonly paths: Iterable<string>;
  /** At least the files of {@link contractFilesOf}, by path. */
  readonly texts: ReadonlyMap<string, string>;
  /** Branches of the repository, for layout entries that capture them. */
  readonly branches?: readonly string[];
  /** Targets of links as written, by the link's path: one to a folder counts as a folder in a layout. */
  readonly links?: ReadonlyMap<string, string>;
  /** Of the contract before this one, where there was one. */
  readonly memo?: DocumentMemo;
}

/**
 * Reads a repository's contract: what stands in the commit itself. Of what is mounted below `.axle/sources` only the folders
 * that a layout entry with a branch or a ref asks for count; no file there is read. Never throws for what the repository holds: problems say it. */
export function readContract(input: ContractInput): Contract {
  return finish(readContractInSteps(input));
}

/** {@link readContract}, file by file: parsing thousands of them takes seconds. */
export function* readContractInSteps(input: ContractInput): Steps<Contract> {
  const all = [...input.paths].sort();
  const paths = all.filter((path) => !isMounted(path));
  const memo = input.memo ?? new DocumentMemo();
  const fleetText = input.texts.get(FLEET_FILE);
  const read =
    fleetText === undefined ? { fleet: undefined, problems: [fleetMissing(paths)] } : yield* readFleetFile(fleetText);
  const problems: Problem[] = [...read.problems];
  const { fleet } = read;
  const clusterFiles = clusterFilesOf(fleet, paths);
  const ours = yield* readFiles(input.texts, {
    clusterFiles: new Set(clusterFiles),
    isAppFile: appFileTest(paths),
    problems,
    memo,
  });
  const clusters = ours.documents
    .filter((document) => document.kind === "Cluster")
    .map((document) => memo.cluster(document, () => readCluster(document)));
  memo.settle();
  const files = new Set(paths);
  const defaults = fleet?.defaults ?? { sync: DEFAULT_SYNC, healthChecks: [] };
  const readings = ours.documents
    .filter((document) => document.kind === "App")
    .map((document) => readApp(document, { defaults, files, readsAnywhere: fleet?.readsAnywhere }));
  const again = [
    ...readings.flatMap((reading) => reading.problems),
    ...repeated(clusters, "duplicate-cluster", "a Cluster"),
    ...repeated(
      readings.map(({ app }) => app),
      "duplicate-app",
      "an App",
    ),
    ...(fleet === undefined ? [] : unmatchedGlobs(fleet, paths)),
  ];
  const explicit = firstOfEachName(readings.map(({ app }) => app));
  const found =
    fleet === undefined
      ? undefined
      : layoutOf(fleet, {
          paths: all,
          readings,
          notManifests: ours.wholeFiles,
          branches: input.branches ?? [],
          links: input.links ?? new Map(),
        });
  return {
    fleet,
    clusterFiles: firstOfEachName(clusters),
    apps: firstOfEachName([...explicit, ...(found?.apps ?? [])]),
    problems: [...problems, ...again, ...(found?.problems ?? [])].toSorted((a, b) => comparePlaces(a.place, b.place)),
  };
}

function* readFleetFile(
  text: string,
): Steps<{ readonly fleet: Fleet | undefined; readonly problems: readonly Problem[] }> {
  const { documents, problems } = yield* readDocuments(text, FLEET_FILE, true);
  const [first, ...others] = documents.filter((document) => document.kind === "Fleet");
  if (first === undefined) {
    if (problems.length > 0) return { fleet: undefined, problems };
    const message = "holds no Fleet; start with apiVersion: axle.dev/v1 and kind: Fleet";
    return {
      fleet: undefined,
      problems: [{ severity: "error", code: "fleet-missing", message, place: placeIn(FLEET_FILE) }],
    };
  }
  const more = others.map((document): Problem => {
    const message = "a second Fleet; a repository has one, join them";
    return { severity: "error", code: "schema", message, place: document.place };
  });
  const read = readFleet(first);
  return { fleet: read.fleet, problems: [...problems, ...more, ...read.problems] };
}

interface FilesContext {
  readonly clusterFiles: ReadonlySet<string>;
  readonly isAppFile: (path: string) => boolean;
  readonly problems: Problem[];
  readonly memo: DocumentMemo;
}

interface FilesReading {
  /** In the order of files and lines. */
  readonly documents: readonly ContractDocument[];
  /** Files that hold our objects and nothing else: nothing to render there. */
  readonly wholeFiles: ReadonlySet<string>;
}

function* readFiles(texts: ReadonlyMap<string, string>, context: FilesContext): Steps<FilesReading> {
  const documents: ContractDocument[] = [];
  const wholeFiles = new Set([FLEET_FILE]);
  for (const file of [...texts.keys()].sort()) {
    const onlyOurs = file === FLEET_FILE || context.clusterFiles.has(file);
    if (!onlyOurs && !context.isAppFile(file)) continue;
    const reading = yield* context.memo.read(texts.get(file) as string, file, onlyOurs);
    // The problems of axle.yaml are known already, from the Fleet in it.
    const found = file === FLEET_FILE ? [] : [...reading.problems, ...misplacedFleets(reading.documents)];
    for (const problem of found) context.problems.push(problem);
    if (reading.foreign === 0) wholeFiles.add(file);
    for (const document of reading.documents) documents.push(document);
    yield undefined;
  }
  return { documents, wholeFiles };
}

function misplacedFleets(documents: readonly ContractDocument[]): readonly Problem[] {
  return documents
    .filter(({ kind }) => kind === "Fleet")
    .map(({ place }) => ({
      severity: "error",
      code: "schema",
      message: `a Fleet is only read from ${FLEET_FILE} at the root; move it there`,
      place,
    }));
}

function readCluster(document: Extract<ContractDocument, { kind: "Cluster" }>): ClusterFile {
  const { metadata, spec } = document.value;
  return { name: metadata.name, labels: metadata.labels ?? {}, values: spec?.values ?? {}, declaredAt: document.place };
}

interface Named {
  readonly name: string;
  readonly declaredAt: Place;
}

/** Input is in the order of files and lines, so the first of a name does not depend on who listed the files. */
function repeated(
  items: readonly Named[],
  code: "duplicate-app" | "duplicate-cluster",
  what: string,
): readonly Problem[] {
  const first = new Map<string, Named>();
  return items.flatMap((item): readonly Problem[] => {
    const other = first.get(item.name);
    if (other === undefined) {
      first.set(item.name, item);
      return [];
    }
    const { file, line, column } = other.declaredAt;
    const message = `${what} named "${item.name}" is already declared at ${file}:${line}:${column}; names are unique in a fleet, rename one`;
    return [{ severity: "error", code, message, place: item.declaredAt, field: "metadata.name" }];
  });
}

function firstOfEachName<Item extends Named>(items: readonly Item[]): readonly Item[] {
  const byName = new Map<string, Item>();
  for (const item of items) if (!byName.has(item.name)) byName.set(item.name, item);
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

interface LayoutContext {
  readonly paths: readonly string[];
  readonly readings: readonly AppReading[];
  readonly notManifests: ReadonlySet<string>;
  readonly branches: readonly string[];
  readonly links: ReadonlyMap<string, string>;
}

function layoutOf(
  fleet: Fleet,
  context: LayoutContext,
): { readonly apps: readonly App[]; readonly problems: readonly Problem[] } {
  const folders = new Set<string>();
  const mounted = new Map<string, Set<string>>();
  const charts = new Set<string>();
  for (const path of context.paths) {
    if (baseNameOf(path) === CHART_FILE) charts.add(folderOf(path));
    if (!/\.ya?ml$|(^|\/)Kustomization$/.test(path) || context.notManifests.has(path)) continue;
    if (!isMounted(path)) folders.add(folderOf(path));
    else if (path.startsWith(REFS_FOLDER)) {
      // The mount of a ref is one folder; told apart without reading it, for there are many paths.
      const end = path.indexOf("/", REFS_FOLDER.length);
      const inside = path.slice(end + 1);
      if (inside !== FLEET_FILE) addTo(mounted, path.slice(0, end), folderOf(inside));
    }
  }
  return matchLayout({
    fleet,
    folders: [...folders, ...linksTo(folders, context.links)].sort(),
    branches: context.branches.toSorted(),
    charts,
    mounted: new Map([...mounted].map(([mount, below]) => [mount, [...below].sort()])),
    claimedNames: new Set(context.readings.map(({ app }) => app.name)),
    claimedFolders: new Set(context.readings.flatMap(({ claims }) => claims)),
  });
}

/** As many hops as Linux follows before it gives up. */
const MAX_HOPS = 40;

/** Links that lead to one of these folders. What is a link on the way there is not followed. */
function linksTo(folders: ReadonlySet<string>, links: ReadonlyMap<string, string>): readonly string[] {
  return [...links.keys()].filter((link) => {
    if (isMounted(link)) return false;
    let at: string | undefined = link;
    for (let hops = 0; hops < MAX_HOPS && at !== undefined; hops += 1) {
      const target = links.get(at);
      if (target === undefined) return folders.has(at);
      at = target.startsWith("/") ? undefined : resolveRepositoryPath(folderOf(at), target);
    }
    return false;
  });
}

function addTo(map: Map<string, Set<string>>, key: string, value: string): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, new Set([value]));
  else values.add(value);
}

function isMounted(path: string): boolean {
  return path.startsWith(`${SOURCES_FOLDER}/`);
}

function clusterFilesOf(fleet: Fleet | undefined, paths: readonly string[]): readonly string[] {
  const globs = fleet?.clusterFiles ?? [];
  return paths.filter((path) => path !== FLEET_FILE && globs.some((glob) => matchesGlob(glob, path)));
}

function unmatchedGlobs(fleet: Fleet, paths: readonly string[]): readonly Problem[] {
  return fleet.clusterFiles
    .filter((glob) => !paths.some((path) => matchesGlob(glob, path)))
    .map((glob) => ({
      severity: "warning",
      code: "ignored",
      message: `no file matches ${glob}`,
      place: fleet.clusterFilesAt.get(glob) ?? fleet.declaredAt,
      field: "spec.clusterFiles",
    }));
}

/** App files, but not in hidden folders, in node_modules or in what belongs to a chart: templates are no YAML yet. */
function appFileTest(paths: readonly string[]): (path: string) => boolean {
  const charts = paths.filter((path) => baseNameOf(path) === CHART_FILE).map(folderOf);
  const chartParts = charts.flatMap((chart) =>
    ["templates/", "charts/"].map((part) => (chart === "" ? part : `${chart}/${part}`)),
  );
  return (path) =>
    isAppFileName(path) &&
    !/(^|\/)(\.[^/]*|node_modules)\//.test(path) &&
    !chartParts.some((part) => path.startsWith(part));
}

function fleetMissing(paths: readonly string[]): Problem {
  const near = paths.find((path) => /^axle\.ya?ml$/i.test(baseNameOf(path)));
  const hint = near === undefined ? "add it (see docs/reference/repository.md)" : `${near} is not it: move it there`;
  return {
    severity: "error",
    code: "fleet-missing",
    message: `the repository has no ${FLEET_FILE} at its root; ${hint}`,
    place: placeIn(FLEET_FILE),
  };
}

function placeIn(file: string): Place {
  return { file, line: 0, column: 0 };
}

function comparePlaces(a: Place | undefined, b: Place | undefined): number {
  if (a === undefined || b === undefined) return (a === undefined ? 0 : 1) - (b === undefined ? 0 : 1);
  return a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column;
}
