import { posix } from "node:path";
import {
  fileNameOf,
  mountOf,
  sourceKey,
  type ChartSourceRequest,
  type SourceRequest,
} from "@axle/core/fleet/source-request.ts";
import { replaceScalars, type ScalarEdit } from "@axle/core/manifest/replace-scalars.ts";
import type { Snapshot } from "../../ports.ts";
import type { FoundReferences } from "../../source-ports.ts";
import type { ChartDependency } from "./chart-dependencies.ts";
import { dependenciesOf, vendoredCharts } from "./chart-folder.ts";
import { readKustomization, type ChartUse, type Reference } from "./kustomization-references.ts";
import { FILES_FOLDER, homeOf } from "./named-places.ts";
import type { ReadMemo } from "./read-memo.ts";
import { parseRemoteAddress } from "./remote-address.ts";
import { requestChart } from "./request-chart.ts";
import { CHART_FILE, joinPath, parentOf, SnapshotIndex } from "./snapshot-index.ts";

/** One search: what a snapshot's folders name, folder by folder. */
export class SourceSearch {
  readonly #index: SnapshotIndex;
  readonly #signal: AbortSignal;
  readonly #memo: ReadMemo;
  readonly #visited = new Set<string>();
  readonly #requests = new Map<string, SourceRequest>();
  readonly #replaced = new Map<string, string>();
  readonly #links = new Map<string, string>();
  readonly #alsoAt = new Map<string, SourceRequest>();
  /** Mounts of fetched charts on the way to where the search is. */
  readonly #placing = new Set<string>();
  /** Folders of the charts that a chart's folder gets by links. */
  readonly #linked = new Map<string, Set<string>>();

  constructor(snapshot: Snapshot, memo: ReadMemo, signal: AbortSignal) {
    this.#index = SnapshotIndex.of(snapshot);
    this.#memo = memo;
    this.#signal = signal;
  }

  get found(): FoundReferences {
    return {
      requests: [...this.#requests.values()],
      replaced: this.#replaced,
      links: this.#links,
      alsoAt: this.#alsoAt,
    };
  }

  async visitFolder(folder: string): Promise<void> {
    const found = this.#index.find(folder);
    if (found.type !== "folder" || this.#visited.has(found.path)) return;
    this.#visited.add(found.path);
    if (this.#index.hasChart(found.path)) await this.#visitChart(found.path);
    const file = this.#index.kustomizationOf(found.path);
    if (file !== undefined) await this.#visitKustomization(found.path, file);
  }

  async #visitKustomization(folder: string, file: string): Promise<void> {
    const read = await this.#read(file, "kustomization", (text) => ({ text, ...readKustomization(text, file) }));
    if (read === undefined) return;
    const { references, charts, text } = read;
    const edits: ScalarEdit[] = [];
    for (const reference of references) {
      const here = this.#index.find(joinPath(folder, reference.value));
      if (here.type === "file") {
        await this.#visitFile(folder, here.path);
        continue;
      }
      // Before folders of that name, as kustomize has it.
      const place = await this.#placeRemote(folder, reference);
      if (place !== undefined) edits.push({ path: reference.path, value: `${prefixOf(reference)}${place}` });
      else await this.visitFolder(here.path);
    }
    for (const chart of charts) await this.#placeChart(folder, chart);
    const rewritten = replaceScalars(text, edits);
    const target = this.#index.find(file).path;
    if (edits.length > 0 && rewritten !== undefined) this.#replaced.set(target, rewritten);
  }

  /** Generators kept in files of their own may name charts too. */
  async #visitFile(folder: string, file: string): Promise<void> {
    if (!/\.(ya?ml|json)$/.test(file)) return;
    const charts = await this.#read(file, "generator", (text) =>
      text.includes("HelmChartInflationGenerator") ? readKustomization(text, file).charts : [],
    );
    for (const chart of charts ?? []) await this.#placeChart(folder, chart);
  }

  /** Where a remote reference will stand, relative to the folder that names it; undefined for what is not fetched. */
  async #placeRemote(folder: string, { value, use }: Reference): Promise<string | undefined> {
    const address = parseRemoteAddress(value, use);
    if (address === undefined || address.type === "refused") return undefined;
    const { request } = address;
    if (address.type === "git") {
      this.#requests.set(sourceKey(request), request);
      const base = joinPath(mountOf(request), address.path).replace(/\/$/, "");
      await this.visitFolder(base);
      return posix.relative(`/${folder}`, `/${base}`);
    }
    const place = joinPath(FILES_FOLDER, encodeURIComponent(address.request.url));
    const target = joinPath(folder, place);
    if (!this.#hasRoom(target)) return undefined;
    this.#requests.set(sourceKey(request), request);
    this.#alsoAt.set(target, request);
    return joinPath(place, fileNameOf(address.request));
  }

  async #placeChart(folder: string, chart: ChartUse): Promise<void> {
    const place = this.#index.find(joinPath(folder, homeOf(chart)));
    if (place.type === "folder") return this.visitFolder(place.path);
    if (place.type === "outside" || chart.repository === "") return;
    const found = requestChart(chart);
    if (found.type === "refused") return;
    if (this.#hasRoom(place.path)) await this.#placeFetchedChart(found.request, place.path);
  }

  /** What it depends on goes where it is put, though it is read at its mount. */
  async #placeFetchedChart(request: ChartSourceRequest, target: string): Promise<void> {
    this.#requests.set(sourceKey(request), request);
    this.#alsoAt.set(target, request);
    const mount = mountOf(request);
    // A chart that needs itself, by whatever way, is not packed into itself without end.
    if (!this.#index.hasChart(mount) || this.#placing.has(mount)) return;
    this.#placing.add(mount);
    await this.#visitChart(mount, target);
    this.#placing.delete(mount);
  }

  /** `at`: where it will stand, if that is not where it is read. */
  async #visitChart(folder: string, at = folder): Promise<void> {
    const vendored = vendoredCharts(this.#index, folder);
    for (const { name, folder: place, source } of await this.#dependenciesOf(folder)) {
      const [here, target] = [folder, at].map((chart) => joinPath(chart, `charts/${place}`)) as [string, string];
      const path = vendored.get(name);
      if (path !== undefined) {
        this.#noteLinked(folder, this.#index.find(path).path);
        await this.visitFolder(path);
      } else if (!this.#hasRoom(here)) continue;
      else if (source.type === "chart") await this.#placeFetchedChart(source.request, target);
      else if (source.type === "sibling" && this.#index.find(here).type === "missing") {
        const sibling = this.#index.find(joinPath(folder, source.path));
        if (sibling.type !== "folder" || !this.#index.hasChart(sibling.path)) continue;
        // Links in a circle never end; helm would follow them for as long as it may run.
        if (isWithin(folder, sibling.path) || this.#reaches(sibling.path, folder)) continue;
        this.#noteLinked(folder, sibling.path);
        this.#links.set(target, posix.relative(`/${joinPath(at, "charts")}`, `/${sibling.path}`));
        await this.visitFolder(sibling.path);
      }
    }
  }

  /** Not where a file or a link stands, or on the way there: the whole commit could not be laid out then, for one chart. */
  #hasRoom(place: string): boolean {
    const { files, links } = this.#index.snapshot;
    for (let path = place; path !== ""; path = parentOf(path)) if (files.has(path) || links.has(path)) return false;
    return true;
  }

  /** A chart without a word of dependencies is not looked into. */
  async #dependenciesOf(folder: string): Promise<readonly ChartDependency[]> {
    const says = (text: string): boolean => text.includes("dependencies");
    const files = [CHART_FILE, "requirements.yaml"].map((name) => joinPath(folder, name));
    for (const file of files) {
      if (this.#index.find(file).type !== "file") continue;
      if ((await this.#read(file, "dependencies", says)) === true)
        return dependenciesOf(this.#index, folder, this.#signal);
    }
    return [];
  }

  #noteLinked(folder: string, chart: string): void {
    this.#linked.set(folder, (this.#linked.get(folder) ?? new Set()).add(chart));
  }

  #reaches(from: string, to: string): boolean {
    const pending = [from];
    const seen = new Set<string>();
    for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
      if (isWithin(to, folder)) return true;
      if (seen.has(folder)) continue;
      seen.add(folder);
      pending.push(...(this.#linked.get(folder) ?? []));
    }
    return false;
  }

  #read<T>(file: string, kind: string, make: (text: string) => T): Promise<T | undefined> {
    return this.#memo.of({ index: this.#index, file, signal: this.#signal }, kind, make);
  }
}

/** Kustomize names a file by its last segment; a file that moves keeps the name it would have had. */
function prefixOf({ prefix, value, path }: Reference): string {
  const isGenerated = path.includes("files");
  return prefix === "" && isGenerated ? `${value.slice(value.lastIndexOf("/") + 1)}=` : prefix;
}

/** A chart that holds itself, by whatever way, never ends. */
function isWithin(folder: string, ancestor: string): boolean {
  return ancestor === "" || folder === ancestor || folder.startsWith(`${ancestor}/`);
}
