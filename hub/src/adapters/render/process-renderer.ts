import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { requestAt } from "@axle/core/fleet/source-request.ts";
import { canonicalJson } from "@axle/core/manifest/canonical-json.ts";
import { type SourceInfo, type SourceType, type Variant, valuesFilesOf } from "@axle/core/placement/variant.ts";
import type { Rendered, RenderedObject, Renderer, Snapshot } from "../../ports.ts";
import { asksCapabilities, asksVersion, readChartTexts } from "./chart-texts.ts";
import { compareRenders, describeDifferences } from "./compare-renders.ts";
import { finishObjects, warning, type FoundObjects } from "./finish-objects.ts";
import { readSetOfKustomization } from "./kustomize-read-set.ts";
import { FILES_FOLDER } from "./named-places.ts";
import { patchObjects } from "./patch-objects.ts";
import { describeReads, readSetOfFolder, type ReadSet } from "./read-set.ts";
import { refuseLackingBelow } from "./refuse-lacking.ts";
import { refuseMissing, refuseMissingAt } from "./refuse-missing.ts";
import { placeOf, RenderError } from "./render-error.ts";
import { renderHelm } from "./render-helm.ts";
import { keepHooks } from "./hook-policy.ts";
import { renderKustomize, type KustomizeTools } from "./render-kustomize.ts";
import { repetitionOfCharts } from "./repetition-of-charts.ts";
import { explainFailure } from "./renderer-message.ts";
import { renderRaw } from "./render-raw.ts";
import type { SandboxLevel } from "./fence.ts";
import { findOriginals, warnOfSealed, warnOfSealedFiles } from "./sealed-originals.ts";
import type { Sandbox } from "./sandbox.ts";
import { CHART_FILE, joinPath, SnapshotIndex } from "./snapshot-index.ts";
import { warnOfKinds } from "./warn-of-kinds.ts";
import { sourceTypeOf } from "./source-type.ts";

/**
 * Part of every memo key: raised when the same input gives other objects because this code changed, or when what is
 * remembered of them grows. 1: first. 2: remembers what guards ask for (API version, plain secrets, defined kinds).
 * 3: remembers which fields render differently each time; Helm's hooks are left to the agent's phases.
 * 4: remembers which names do; documents that SOPS encrypted stand beside what was rendered from them; a chart is refused
 * that lacks a dependency of a dependency.
 */
const RENDER_FORMAT = 4;

export interface ProcessRendererOptions {
  /** Absolute paths of the real programs. */
  readonly kustomize: string;
  readonly helm: string;
  readonly sandbox: Sandbox;
  /** The repository is that of whoever runs this, on their own machine; default false. */
  readonly isTrusted?: boolean;
}

interface Source {
  readonly type: SourceType;
  /** Without links. */
  readonly folder: string;
  readonly reads: ReadSet;
}

/** Renders with the real kustomize and helm, fenced by {@link Sandbox}; raw manifests need no process. */
export class ProcessRenderer implements Renderer {
  readonly #options: ProcessRendererOptions;
  /** What a folder reads, by path: valid for as long as its text stays the same. */
  readonly #sources = new Map<string, Source>();
  /** By what the chart reads. */
  readonly #asking = new Map<string, Pick<SourceInfo, "asksCapabilities" | "asksVersion">>();
  #programs: Promise<string> | undefined;
  /** Sources checked against the snapshot that was asked about last. */
  #checked: { readonly snapshot: WeakRef<Snapshot>; readonly sources: Map<string, Source | undefined> } | undefined;

  constructor(options: ProcessRendererOptions) {
    this.#options = options;
  }

  /** How well renderers are fenced on this machine, for the log. Needs a snapshot to see who may read it. */
  async prepare(snapshot: Snapshot): Promise<{ readonly kustomize: SandboxLevel; readonly helm: SandboxLevel }> {
    const { sandbox, kustomize, helm } = this.#options;
    const levels = await Promise.all([kustomize, helm].map((program) => sandbox.prepare(program, snapshot.root)));
    return { kustomize: levels[0] as SandboxLevel, helm: levels[1] as SandboxLevel };
  }

  async inspect(snapshot: Snapshot, path: string, signal: AbortSignal): Promise<SourceInfo | undefined> {
    const source = await this.#find(snapshot, path, signal);
    if (source === undefined) return undefined;
    const charts = source.type === "helm" ? [source.folder] : source.reads.charts.map(({ folder }) => folder);
    if (charts.length === 0) return { type: source.type, asksCapabilities: source.reads.usesGenerators };
    let asks = this.#asking.get(source.reads.text);
    if (asks === undefined) {
      const texts = await Promise.all(charts.map((folder) => readChartTexts(snapshot, folder, signal)));
      const asksAll = source.reads.usesGenerators || texts.some(asksCapabilities);
      asks = { asksCapabilities: asksAll, ...(!asksAll && texts.some(asksVersion) && { asksVersion: true as const }) };
      remember(this.#asking, source.reads.text, asks);
    }
    return { type: source.type, ...asks };
  }

  async keyOf(snapshot: Snapshot, variant: Variant, signal: AbortSignal): Promise<string> {
    const source = await this.#find(snapshot, variant.path, signal);
    const index = SnapshotIndex.of(snapshot);
    const hash = createHash("sha256");
    const parts = [
      `axle-render-v${RENDER_FORMAT}`,
      await this.#digestOnce(),
      canonicalJson(variant),
      source?.type ?? "nothing",
      source?.reads.text ?? "",
      describeReads(index, valuesFilesOf(variant)),
    ];
    return hash.update(JSON.stringify(parts)).digest("hex");
  }

  #digestOnce(): Promise<string> {
    return (this.#programs ??= digestPrograms(this.#options).catch((error: unknown) => {
      this.#programs = undefined;
      throw error;
    }));
  }

  async render(snapshot: Snapshot, variant: Variant, signal: AbortSignal): Promise<Rendered> {
    const source = await this.#find(snapshot, variant.path, signal);
    if (source === undefined) refuseMissingAt(snapshot, variant.path);
    if (source === undefined) throw nothingToRender(snapshot, variant.path);
    refuseMissing(snapshot, source.reads, valuesFilesOf(variant));
    if (source.reads.refusal !== undefined) throw source.reads.refusal;
    const index = SnapshotIndex.of(snapshot);
    const found = await this.#renderSource({ index, source, variant }, signal);
    const warnings = [
      ...found.warnings,
      ...source.reads.unpinned.map(({ url, file }) =>
        warning(`names ${url} without a ref, so every push there may change this app; add ?ref=`, {
          app: variant.app,
          file,
        }),
      ),
    ];
    const finished: (readonly RenderedObject[])[] = [];
    for (const render of found.renders) {
      const kept = keepHooks(render, variant.app);
      if (finished.length === 0) warnings.push(...kept.warnings);
      const patched = await patchObjects(kept.objects, variant, { ...this.#options, signal });
      finished.push(finishObjects(patched, variant.namespace));
    }
    const [objects = [], again = objects] = finished;
    const about = { app: variant.app, file: fileOf(index, source) };
    const originals = await findOriginals(objects, { snapshot, requests: source.reads.requests }, signal);
    if (objects.length === 0) warnings.push(warning("renders no object", { app: variant.app, file: source.folder }));
    warnings.push(...warnOfKinds(objects, variant.app), ...warnOfSealed(originals, variant.app));
    warnings.push(...warnOfSealedFiles(objects, variant.app));
    const differences = compareRenders(objects, again);
    warnings.push(...describeDifferences(differences, objects, about));
    return {
      objects: objects.map((object) => {
        const unstable = differences.fields.get(object.id);
        return unstable === undefined ? object : { ...object, unstable };
      }),
      ...(originals.length > 0 && { originals }),
      renamed: differences.renamed.map(({ object }) => object.metadata.name),
      warnings,
    };
  }

  #renderSource(
    { index, source, variant }: { index: SnapshotIndex; source: Source; variant: Variant },
    signal: AbortSignal,
  ): Promise<FoundObjects> {
    const tools = { ...this.#options, signal };
    const { folder, reads } = source;
    switch (source.type) {
      case "raw":
        return renderRaw(index.snapshot, { folder, app: variant.app }, signal);
      case "helm":
        return renderHelm({ index, folder, variant }, tools);
      case "kustomize":
        return this.#renderKustomize({ index, folder, reads, variant }, tools);
    }
  }

  async #renderKustomize(
    { index, folder, reads, variant }: { index: SnapshotIndex; folder: string; reads: ReadSet; variant: Variant },
    tools: KustomizeTools,
  ): Promise<FoundObjects> {
    const repetition = reads.usesHelm ? await repetitionOfCharts(index.snapshot, reads, tools.signal) : "once";
    const doubt = await refuseLackingBelow({ index, charts: reads.charts, variant }, tools);
    const readsAnywhere = variant.readsAnywhere === true && !readsForeign(index, reads);
    const kustomization = { index, folder, usesHelm: reads.usesHelm, repetition, variant, readsAnywhere };
    const rendered = await renderKustomize(kustomization, tools);
    if (doubt !== undefined)
      throw explainFailure(doubt, { index, folder, file: index.kustomizationOf(folder) ?? folder });
    return rendered;
  }

  /** What stands at a path and all it reads; undefined when nothing there can be rendered. */
  async #find(snapshot: Snapshot, path: string, signal: AbortSignal): Promise<Source | undefined> {
    if (this.#checked?.snapshot.deref() !== snapshot) {
      // Ready by the time the first change has to be rendered; what goes wrong shows there.
      if (this.#checked === undefined) this.prepare(snapshot).catch(() => undefined);
      this.#checked = { snapshot: new WeakRef(snapshot), sources: new Map() };
    }
    const { sources } = this.#checked;
    if (sources.has(path)) return sources.get(path);
    const index = SnapshotIndex.of(snapshot);
    const known = this.#sources.get(path);
    let source = known;
    // A refusal may say what is wrong with a source that could not be fetched, and that changes by itself.
    if (
      known?.reads.refusal !== undefined ||
      known === undefined ||
      describeReads(index, known.reads.requests) !== known.reads.text
    ) {
      source = await readSource(snapshot, path, signal);
      if (source !== undefined) remember(this.#sources, path, source);
    }
    sources.set(path, source);
    return source;
  }
}

async function readSource(snapshot: Snapshot, path: string, signal: AbortSignal): Promise<Source | undefined> {
  const index = SnapshotIndex.of(snapshot);
  const found = index.find(path);
  if (found.type !== "folder") return undefined;
  const type = sourceTypeOf(index, found.path);
  if (type === undefined) return undefined;
  const folder = found.path;
  if (type !== "kustomize") return { type, folder, reads: readSetOfFolder(index, path) };
  try {
    return { type, folder, reads: await readSetOfKustomization(snapshot, path, signal) };
  } catch (cause) {
    // Whatever it is, it is of this app: the others are not to wait for it.
    signal.throwIfAborted();
    const message = `cannot be looked into: ${cause instanceof Error ? cause.message : String(cause)}`;
    const refusal = new RenderError("source", message, { place: placeOf(path), cause });
    return { type, folder, reads: { ...readSetOfFolder(index, path), refusal } };
  }
}

/** Somebody else's base, or generator, must not read the fleet's files. A chart only holds what helm renders. */
function readsForeign(index: SnapshotIndex, { requests }: ReadSet): boolean {
  const paths = requests.map((path) => index.find(path).path);
  return paths.some((path) => requestAt(`${path}/`)?.request.type === "git" || path.split("/").includes(FILES_FOLDER));
}

/** The file to name for what is not about one template or manifest. */
function fileOf(index: SnapshotIndex, { type, folder }: Source): string {
  if (type === "helm") return joinPath(folder, CHART_FILE);
  return type === "kustomize" ? (index.kustomizationOf(folder) ?? folder) : folder;
}

function nothingToRender(snapshot: Snapshot, path: string): RenderError {
  const { type } = SnapshotIndex.of(snapshot).find(path);
  const shown = path === "" ? "the root of the repository" : `"${path}"`;
  const message =
    type === "folder"
      ? `${shown} holds nothing that can be rendered; expected a Chart.yaml, a kustomization.yaml, or YAML manifests`
      : type === "file"
        ? `${shown} is a file, expected a folder`
        : `${shown} does not exist in the repository; check the path of the source`;
  return new RenderError("source", message, { place: placeOf(path) });
}

/** Which programs render, by content: two builds of one version may differ. */
async function digestPrograms(programs: { readonly kustomize: string; readonly helm: string }): Promise<string> {
  const digests = await Promise.all([digestFile(programs.kustomize), digestFile(programs.helm)]);
  return digests.join(" ");
}

async function digestFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 ** 2 })) hash.update(chunk as Buffer);
  } catch (cause) {
    throw new RenderError("tool", `cannot read ${path}; check that kustomize and helm are installed`, { cause });
  }
  return hash.digest("hex");
}

/** Bounded: the oldest entry goes. */
function remember<K, V>(map: Map<K, V>, key: K, value: V): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > 10_000 && oldest.done !== true) map.delete(oldest.value);
}
