import type { ChartSourceRequest } from "@axle/core/fleet/source-request.ts";
import { sha256Hex } from "@axle/runtime/crypto/digests.ts";
import { SourceError } from "../../sources/source-error.ts";
import { readIndexEntries } from "./chart-index.ts";
import type { IndexEntry } from "./chart-index.ts";
import type { ChartLimits } from "./chart-limits.ts";
import { tagOf } from "./chart-registry.ts";
import type { ChartRegistries, RegistryChart } from "./chart-registry.ts";
import type { HttpReader } from "./http-reader.ts";
import { IndexMemo } from "./index-memo.ts";
import type { KnownIndex } from "./index-memo.ts";
import { refuseChanged } from "./packaged-chart.ts";
import type { PackagedChart, WantedChart } from "./packaged-chart.ts";
import { statusError } from "./status-error.ts";

export interface ChartRepositoriesOptions {
  /** Some indexes name packages in registries. */
  readonly registries: Pick<ChartRegistries, "fetch">;
  readonly http: Pick<HttpReader, "get" | "refused">;
  readonly limits: ChartLimits;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** An index younger than this is not asked for again; a version it does not have always asks. */
const FRESH_MS = 60_000;
const VERSIONS_SHOWN = 5;

/** Chart repositories as `helm repo add` takes them: an `index.yaml` and packages beside it or elsewhere. */
export class ChartRepositories {
  readonly #options: ChartRepositoriesOptions;
  readonly #memo = new IndexMemo();

  constructor(options: ChartRepositoriesOptions) {
    this.#options = options;
  }

  /** Throws SourceError; `digest-changed` before anything is downloaded where the index says so already. */
  async fetch(wanted: WantedChart, signal: AbortSignal): Promise<PackagedChart> {
    const { request } = wanted;
    const index = indexUrl(request.repository);
    const entry = await this.#findEntry(index, request, signal);
    const said = entry.digest === undefined ? undefined : `sha256:${entry.digest}`;
    if (said !== undefined) refuseChanged(wanted, said);
    const url = packageUrl(index, entry, request);
    const { bytes, digest } = await this.#fetchPackage(wanted, { url, index }, signal);
    if (said !== undefined && said !== digest) {
      const message = `what ${url.host} sends is ${digest}, and the index says ${said}: it is not the package that was published`;
      throw new SourceError("unsafe", message);
    }
    return { bytes, digest };
  }

  async #fetchPackage(
    wanted: WantedChart,
    { url, index }: { readonly url: URL; readonly index: URL },
    signal: AbortSignal,
  ): Promise<PackagedChart> {
    if (url.protocol === "oci:") {
      return this.#options.registries.fetch(wanted, registryChart(url, wanted.request), signal);
    }
    const bytes = await this.#download(url, index, signal);
    return { bytes, digest: `sha256:${sha256Hex(bytes)}` };
  }

  async #findEntry(index: URL, request: ChartSourceRequest, signal: AbortSignal): Promise<IndexEntry> {
    const known = this.#memo.find(index.href);
    if (known !== undefined && this.#options.now() - known.askedAtMs < FRESH_MS) {
      const entry = readIndexEntries(known.text, request.name)?.find(({ version }) => version === request.version);
      if (entry !== undefined) return entry;
    }
    const { text } = await this.#memo.ask(index.href, (last) => this.#readIndex(index, last, signal));
    const entries = readIndexEntries(text, request.name);
    if (entries === undefined) {
      throw new SourceError("not-found", `the repository has no chart named ${request.name}`);
    }
    const entry = entries.find(({ version }) => version === request.version);
    if (entry !== undefined) return entry;
    const others = entries.slice(0, VERSIONS_SHOWN).map(({ version }) => version);
    const there = others.length === 0 ? "none" : others.join(", ") + (entries.length > VERSIONS_SHOWN ? ", …" : "");
    throw new SourceError("not-found", `the repository has no version ${request.version}; there are ${there}`);
  }

  async #readIndex(index: URL, last: KnownIndex | undefined, signal: AbortSignal): Promise<KnownIndex> {
    const { http, limits, now } = this.#options;
    const ask = { url: index.href, maxBytes: limits.indexBytes, compressible: true };
    const answer = await http.get({ ...ask, ...(last?.etag !== undefined && { etag: last.etag }) }, signal);
    if (answer.status === 304 && last !== undefined) return { ...last, askedAtMs: now() };
    if (answer.status === 401 && answer.wasAuthorized) http.refused(answer.credential);
    const error = statusError(answer.status, withoutQuery(index), answer.wasAuthorized);
    if (error !== undefined) throw error;
    return { text: answer.body.toString("utf8"), etag: answer.headers["etag"], askedAtMs: now() };
  }

  async #download(url: URL, index: URL, signal: AbortSignal): Promise<Buffer> {
    const { http, limits } = this.#options;
    // An index may name packages anywhere: what the hub shows to let it in is for where the repository is, and only there.
    const ask = { url: url.href, maxBytes: limits.packageBytes, loginOrigin: index.origin };
    const answer = await http.get(ask, signal);
    if (answer.status === 401 && answer.wasAuthorized) http.refused(answer.credential);
    const error = statusError(answer.status, withoutQuery(url), answer.wasAuthorized);
    if (error !== undefined) throw error;
    return answer.body;
  }
}

function indexUrl(repository: string): URL {
  const url = URL.parse(repository);
  if (url === null) throw new SourceError("unsupported", `"${repository}" is no address`);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/index.yaml`;
  return url;
}

/** The first address counts, as for Helm; a query of the repository's goes along, for it may be what lets us in. */
function packageUrl(index: URL, { urls }: IndexEntry, request: ChartSourceRequest): URL {
  const [first] = urls;
  const url = first === undefined ? null : URL.parse(first, index.href);
  if (url === null) {
    throw new SourceError("unsafe", `the index says no address for ${request.name} ${request.version}`);
  }
  if (url.origin === index.origin && url.search === "" && !/^[a-z]+:/i.test(first ?? "")) url.search = index.search;
  return url;
}

/** `oci://registry.example.com/charts/podinfo:6.1.0`, as an index writes it. */
function registryChart(url: URL, { version }: ChartSourceRequest): RegistryChart {
  const at = url.pathname.lastIndexOf("/");
  const [name = "", tag = tagOf(version)] = url.pathname.slice(at + 1).split(":");
  const repository = `oci://${url.host}${url.pathname.slice(0, at)}`;
  return { repository, name, tag, isAnonymous: true };
}

function withoutQuery({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}
