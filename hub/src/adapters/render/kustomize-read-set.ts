import { posix } from "node:path";
import { requestAt } from "@axle/core/fleet/source-request.ts";
import type { Snapshot } from "../../ports.ts";
import { readKustomization, type ChartUse, type HelmPath } from "./kustomization-references.ts";
import { FILES_FOLDER, homeOf } from "./named-places.ts";
import { describeReads, type ReadChart, type ReadSet } from "./read-set.ts";
import { placeOf, RenderError } from "./render-error.ts";
import { DEFAULT_REF } from "./remote-address.ts";
import { refuseChart, refuseReference } from "./refuse-reference.ts";
import { joinPath, SnapshotIndex } from "./snapshot-index.ts";

/**
 * What a kustomization reads: its folder and, transitively, everything outside it that any text in it could name. Too
 * much rather than too little: a key that changes for nothing costs a render, one that does not change ships the wrong thing.
 */
export async function readSetOfKustomization(
  snapshot: Snapshot,
  folder: string,
  signal: AbortSignal,
): Promise<ReadSet> {
  const index = SnapshotIndex.of(snapshot);
  const walk: Walk = {
    index,
    signal,
    requests: new Set([folder]),
    visited: new Set(),
    kustomizations: new Set(),
    pluginTexts: new Set(),
    usesHelm: false,
    usesGenerators: false,
    charts: [],
    values: [],
    unpinned: [],
    refusal: undefined,
  };
  await visitFolder(walk, folder);
  requestPluginPaths(walk);
  // What a generator in a file of its own names is a matter of who includes it; charts that kustomizations name stand in
  // their homes, and those are among the texts.
  if (walk.usesGenerators) walk.requests.add("");
  const requests = [...walk.requests].sort();
  const { usesHelm, usesGenerators, charts, values: chartValues, unpinned, refusal } = walk;
  return {
    requests,
    text: describeReads(index, requests),
    usesHelm,
    usesGenerators,
    charts,
    chartValues,
    unpinned,
    refusal,
  };
}

interface Walk {
  readonly index: SnapshotIndex;
  readonly signal: AbortSignal;
  readonly requests: Set<string>;
  readonly visited: Set<string>;
  /** Folders that have one. */
  readonly kustomizations: Set<string>;
  /** In generators and transformers that stand in files of their own: what may lead out of the folder they are used in. */
  readonly pluginTexts: Set<string>;
  usesHelm: boolean;
  /** Helm by generators, wherever they are written. */
  usesGenerators: boolean;
  readonly charts: ReadChart[];
  readonly unpinned: { readonly url: string; readonly file: string }[];
  /** Texts that may be values of charts. */
  readonly values: string[];
  refusal: RenderError | undefined;
}

async function visitFolder(walk: Walk, folder: string): Promise<void> {
  const { index } = walk;
  const { path } = index.find(folder);
  if (walk.visited.has(path)) return;
  walk.visited.add(path);
  const file = index.kustomizationOf(path);
  if (file === undefined) return;
  walk.kustomizations.add(path);
  let text: string;
  try {
    text = await readText(walk, file);
  } catch (cause) {
    // Not text, or too large: a fault of this app, and no reason to stop reading the others.
    walk.signal.throwIfAborted();
    const message = cause instanceof Error ? cause.message : String(cause);
    walk.refusal ??= new RenderError("source", message, { place: placeOf(file), cause });
    return;
  }
  const kustomization = readKustomization(text, file);
  walk.usesHelm ||= kustomization.usesHelm;
  walk.usesGenerators ||= kustomization.texts.includes("HelmChartInflationGenerator");
  if (kustomization.fault !== undefined) {
    walk.refusal ??= new RenderError("source", kustomization.fault.message, { place: kustomization.fault.place });
  }
  for (const reference of kustomization.references) walk.refusal ??= refuseReference(index, path, reference);
  for (const { value } of kustomization.references) {
    const named = requestAt(index.find(joinPath(path, value)).path);
    if (named?.request.type !== "git" || named.mount === requestAt(`${path}/`)?.mount) continue;
    if (named.request.ref === DEFAULT_REF) walk.unpinned.push({ url: named.request.url, file });
  }
  for (const named of kustomization.helmPaths) walk.refusal ??= refuseHelmPath(index, path, named);
  for (const chart of kustomization.charts) {
    walk.refusal ??= refuseChart(index, path, chart);
    walk.charts.push(chartIn(path, chart));
  }
  if (kustomization.charts.length > 0) for (const text of kustomization.texts) walk.values.push(text);
  for (const text of kustomization.texts) await visitText(walk, path, text);
}

async function visitText(walk: Walk, folder: string, text: string): Promise<void> {
  if (text === "") return;
  walk.refusal ??= refuseWayOut(walk.index, folder, text);
  if (text.startsWith("/")) return;
  const request = joinPath(folder, text);
  const found = walk.index.find(request);
  if (found.type === "outside") return;
  // What lies inside is covered by the folder's id, though it may lead on. What is missing outside may come to be. What
  // comes from elsewhere is not the folder's own, wherever it stands.
  const isInFolder = folder === "" || found.path === folder || found.path.startsWith(`${folder}/`);
  const inside = isInFolder && sourceAround(found.path) === sourceAround(folder);
  if (!inside) walk.requests.add(request);
  if (found.type === "folder") await visitFolder(walk, found.path);
  if (found.type === "file") await visitFile(walk, folder, found.path);
}

/** Generators and transformers kept in files may run helm on charts that no kustomization names. */
async function visitFile(walk: Walk, folder: string, file: string): Promise<void> {
  const visit = `${folder}\0${file}`;
  // A chart's values may have any name.
  if ((!/\.(ya?ml|json)$/.test(file) && walk.charts.length === 0) || walk.visited.has(visit)) return;
  walk.visited.add(visit);
  let text: string;
  try {
    text = await readText(walk, file);
  } catch {
    // Not text, so no generator.
    walk.signal.throwIfAborted();
    return;
  }
  if (walk.charts.length > 0) walk.values.push(text);
  const usesHelm = text.includes("HelmChartInflationGenerator");
  if (!usesHelm && !text.includes("builtin")) return;
  const { helmPaths, charts, fault, texts } = readKustomization(text, file);
  for (const each of texts) if (each.includes("..") || each.startsWith("/")) walk.pluginTexts.add(each);
  if (!usesHelm) return;
  walk.usesHelm = true;
  walk.usesGenerators = true;
  if (fault !== undefined) walk.refusal ??= new RenderError("source", fault.message, { place: fault.place });
  for (const named of helmPaths) walk.refusal ??= refuseHelmPath(walk.index, folder, named);
  for (const chart of charts) {
    walk.refusal ??= refuseChart(walk.index, folder, chart);
    walk.charts.push(chartIn(folder, chart));
  }
}

/** They are relative to whoever includes them, directly or not. Kustomize refuses what leads out, in other words when it is there. */
function requestPluginPaths(walk: Walk): void {
  const { index, kustomizations, pluginTexts, requests } = walk;
  for (const folder of kustomizations) {
    for (const text of pluginTexts) {
      walk.refusal ??= refuseWayOut(index, folder, text);
      const request = joinPath(folder, text);
      if (!text.startsWith("/") && index.find(request).type !== "outside") requests.add(request);
    }
  }
}

/**
 * Where kustomize is not confined to folders, generators and transformers could name files by where they stand while they
 * are rendered, of which no key knows, and what is mounted could name files around it. Only what is a file there is taken
 * for such a name: any text may look like one.
 */
function refuseWayOut(index: SnapshotIndex, folder: string, text: string): RenderError | undefined {
  if (!text.startsWith("/") && !text.includes("..")) return undefined;
  const found = index.find(text.startsWith("/") ? text : joinPath(folder, text));
  const leavesMount = found.type === "file" && isMounted(folder) && !isMounted(found.path);
  const leavesTree = found.type === "outside" && comesBack(index, folder, text);
  if (!leavesMount && !leavesTree) return undefined;
  const remedy = leavesMount ? " it is written in" : "; use a path inside it";
  const message = `${JSON.stringify(text)} leads out of the repository${remedy}`;
  return new RenderError("escapes", message, { place: placeOf(index.kustomizationOf(folder) ?? folder) });
}

/** Whether a path from the root of all that a renderer sees, or one that climbs there, ends at a file of the repository. */
function comesBack(index: SnapshotIndex, folder: string, text: string): boolean {
  const root = `/${posix.basename(index.snapshot.root)}/`;
  const way = posix.normalize(text.startsWith("/") ? text : `${root}${joinPath(folder, text)}`);
  return way.startsWith(root) && index.find(way.slice(root.length)).type === "file";
}

function isMounted(path: string): boolean {
  return requestAt(`${path}/`) !== undefined;
}

/** What tells one source from another at a path; undefined for what is the repository's own. */
function sourceAround(path: string): string | undefined {
  return path.split("/").includes(FILES_FOLDER) ? path : requestAt(`${path}/`)?.mount;
}

function chartIn(folder: string, chart: ChartUse): ReadChart {
  const values = chart.values.map((value) => (typeof value === "string" ? joinPath(folder, value) : value));
  return { folder: joinPath(folder, homeOf(chart)), release: chart.release, values };
}

async function readText({ index, signal }: Walk, file: string): Promise<string> {
  return (await index.snapshot.readTexts([file], signal)).get(file) ?? "";
}

/** Kustomize confines its own reads to the folder of each kustomization, but not those of the helm it runs. */
function refuseHelmPath(index: SnapshotIndex, folder: string, { value, file }: HelmPath): RenderError | undefined {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) {
    const message = `${JSON.stringify(value)} is an address, and charts and their values are not fetched by kustomize; put the file into the repository, or name the chart's repo and version`;
    return new RenderError("remote", message, { place: { file, line: 0, column: 0 } });
  }
  if (!value.startsWith("/") && index.find(joinPath(folder, value)).type !== "outside") return undefined;
  const message = `${JSON.stringify(value)} leads out of the repository; keep charts and their values inside it`;
  return new RenderError("escapes", message, { place: { file, line: 0, column: 0 } });
}
