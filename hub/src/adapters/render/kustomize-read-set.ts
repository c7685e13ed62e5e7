import type { Snapshot } from "../../ports.ts";
import { readKustomization, type HelmPath, type Reference } from "./kustomization-references.ts";
import { describeReads, type ReadSet } from "./read-set.ts";
import { RenderError } from "./render-error.ts";
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
    usesHelm: false,
    refusal: undefined,
  };
  await visitFolder(walk, folder);
  // Charts may be named by any file that is included, and read anything beside them.
  if (walk.usesHelm) walk.requests.add("");
  const requests = [...walk.requests].sort();
  return { requests, text: describeReads(index, requests), usesHelm: walk.usesHelm, refusal: walk.refusal };
}

interface Walk {
  readonly index: SnapshotIndex;
  readonly signal: AbortSignal;
  readonly requests: Set<string>;
  readonly visited: Set<string>;
  usesHelm: boolean;
  refusal: RenderError | undefined;
}

async function visitFolder(walk: Walk, folder: string): Promise<void> {
  const { index } = walk;
  const { path } = index.find(folder);
  if (walk.visited.has(path)) return;
  walk.visited.add(path);
  const file = index.kustomizationOf(path);
  if (file === undefined) return;
  const kustomization = readKustomization(await readText(walk, file), file);
  walk.usesHelm ||= kustomization.usesHelm;
  if (kustomization.fault !== undefined) {
    walk.refusal ??= new RenderError("source", kustomization.fault.message, { place: kustomization.fault.place });
  }
  for (const reference of kustomization.references) walk.refusal ??= refuseReference(index, path, reference);
  for (const named of kustomization.helmPaths) walk.refusal ??= refuseHelmPath(index, path, named);
  for (const text of kustomization.texts) await visitText(walk, path, text);
}

async function visitText(walk: Walk, folder: string, text: string): Promise<void> {
  if (text === "" || text.startsWith("/")) return;
  const request = joinPath(folder, text);
  const found = walk.index.find(request);
  if (found.type === "outside") return;
  // What lies inside is covered by the folder's id, though it may lead on. What is missing outside may come to be.
  const inside = folder === "" || found.path === folder || found.path.startsWith(`${folder}/`);
  if (!inside) walk.requests.add(request);
  if (found.type === "folder") await visitFolder(walk, found.path);
  if (found.type === "file") await visitFile(walk, folder, found.path);
}

/** Generators and transformers kept in files may run helm on charts that no kustomization names. */
async function visitFile(walk: Walk, folder: string, file: string): Promise<void> {
  const visit = `${folder}\0${file}`;
  if (!/\.(ya?ml|json)$/.test(file) || walk.visited.has(visit)) return;
  walk.visited.add(visit);
  let text: string;
  try {
    text = await readText(walk, file);
  } catch {
    // Not text, so no generator.
    walk.signal.throwIfAborted();
    return;
  }
  if (!text.includes("HelmChartInflationGenerator")) return;
  walk.usesHelm = true;
  const { helmPaths, fault } = readKustomization(text, file);
  if (fault !== undefined) walk.refusal ??= new RenderError("source", fault.message, { place: fault.place });
  for (const named of helmPaths) walk.refusal ??= refuseHelmPath(walk.index, folder, named);
}

async function readText({ index, signal }: Walk, file: string): Promise<string> {
  return (await index.snapshot.readTexts([file], signal)).get(file) ?? "";
}

/** The renderer would follow these out of the repository, or to another machine. */
function refuseReference(index: SnapshotIndex, folder: string, reference: Reference): RenderError | undefined {
  const { value, type, place } = reference;
  const shown = JSON.stringify(value);
  const found = index.find(joinPath(folder, value));
  const absolute = value.startsWith("/");
  if (type === "path" && !absolute && (found.type === "file" || found.type === "folder")) return undefined;
  if (type === "chart-repository" || isRemote(value)) {
    const message = `${shown} is not in this repository: remote bases and charts are not fetched yet; vendor it into the repository`;
    return new RenderError("remote", message, { place });
  }
  if (!absolute && found.type !== "outside") return undefined;
  return new RenderError("escapes", `${shown} leads out of the repository; use a path inside it`, { place });
}

/** Kustomize confines its own reads to the folder of each kustomization, but not those of the helm it runs. */
function refuseHelmPath(index: SnapshotIndex, folder: string, { value, file }: HelmPath): RenderError | undefined {
  if (!value.startsWith("/") && index.find(joinPath(folder, value)).type !== "outside") return undefined;
  const message = `${JSON.stringify(value)} leads out of the repository; keep charts and their values inside it`;
  return new RenderError("escapes", message, { place: { file, line: 0, column: 0 } });
}

/** Kustomize reads these as addresses of another machine. */
function isRemote(value: string): boolean {
  return (
    /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ||
    /^(git::|gh:|(git@)?(github|gitlab|bitbucket)\.(com|org)[/:])/i.test(value) ||
    /^[\w.-]+@[\w.-]+:/.test(value) ||
    /[?&](ref|version|submodules|timeout)=/.test(value) ||
    (/\.git(\/|$)/.test(value) && !value.startsWith("."))
  );
}
