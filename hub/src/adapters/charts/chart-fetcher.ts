import { Slots } from "@axle/runtime/slots.ts";
import { describeSource } from "@axle/core/fleet/source-request.ts";
import type { SourceRequest } from "@axle/core/fleet/source-request.ts";
import type { AskHttp } from "../../credentials/ask-http.ts";
import type { CredentialSource } from "../../credentials/credential.ts";
import { SourceError } from "../../sources/source-error.ts";
import type { AddressRule } from "../outbound/address-rule.ts";
import type { FetchedSource, SourceFetcher, TreeKeeper } from "../../source-ports.ts";
import { ChartRegistries, tagOf } from "./chart-registry.ts";
import { ChartRepositories } from "./chart-repository.ts";
import { DEFAULT_CHART_LIMITS } from "./chart-limits.ts";
import type { ChartLimits } from "./chart-limits.ts";
import { HttpReader } from "./http-reader.ts";
import { refuseChanged } from "./packaged-chart.ts";
import type { PackagedChart, WantedChart } from "./packaged-chart.ts";
import { unpackChart } from "./unpack-chart.ts";

export interface ChartFetcherOptions {
  readonly trees: TreeKeeper;
  readonly credentials: CredentialSource;
  readonly ask: AskHttp;
  /** What may be asked; by the credentials alone where it is left out. */
  readonly rule?: AddressRule;
  readonly limits?: Partial<ChartLimits>;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

const FETCHES_PER_HOST = 4;

/**
 * Packaged charts from chart repositories (`https://`) and registries (`oci://`). The digest is that of the package, so that
 * it stays when a chart moves from one to the other; provenance files are not read, for what Helm signs is not what we pin.
 */
export class ChartFetcher implements SourceFetcher {
  readonly #trees: TreeKeeper;
  readonly #limits: ChartLimits;
  readonly #repositories: ChartRepositories;
  readonly #registries: ChartRegistries;
  /** By host: packages stand in memory while they are unpacked. */
  readonly #slots = new Map<string, Slots>();

  constructor({ trees, credentials, ask, rule, limits: given, now = Date.now }: ChartFetcherOptions) {
    const limits = { ...DEFAULT_CHART_LIMITS, ...given };
    const http = new HttpReader({ ask, credentials, rule });
    this.#trees = trees;
    this.#limits = limits;
    this.#registries = new ChartRegistries({ http, limits });
    this.#repositories = new ChartRepositories({ http, registries: this.#registries, limits, now });
  }

  /** Throws SourceError, whose message begins with the chart. */
  async fetch(request: SourceRequest, pinned: string | undefined, signal: AbortSignal): Promise<FetchedSource> {
    if (request.type !== "chart") throw new SourceError("unsupported", `${describeSource(request)} is no chart`);
    if (pinned !== undefined) {
      const tree = await this.#trees.find(pinned, signal);
      if (tree !== undefined) return { digest: pinned, tree };
    }
    try {
      return await this.#slotsOf(request.repository).run(() => this.#bring({ request, pinned }, signal), signal);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      const what = describeSource(request);
      if (error.message.startsWith(what)) throw error;
      throw new SourceError(error.code, `${what}: ${error.message}`, { cause: error });
    }
  }

  async #bring(wanted: WantedChart, signal: AbortSignal): Promise<FetchedSource> {
    const { bytes, digest } = await this.#download(wanted, signal);
    refuseChanged(wanted, digest);
    const { name, version } = wanted.request;
    const files = await unpackChart(bytes, { name, version, limits: this.#limits }, signal);
    return { digest, tree: await this.#trees.keep(digest, files, signal) };
  }

  #slotsOf(repository: string): Slots {
    const host = URL.parse(repository)?.host ?? "";
    const slots = this.#slots.get(host) ?? new Slots(FETCHES_PER_HOST);
    this.#slots.set(host, slots);
    return slots;
  }

  async #download(wanted: WantedChart, signal: AbortSignal): Promise<PackagedChart> {
    const { repository, name, version } = wanted.request;
    if (repository.startsWith("oci://")) {
      return this.#registries.fetch(wanted, { repository, name, tag: tagOf(version), isAnonymous: false }, signal);
    }
    if (/^https?:\/\//.test(repository)) return this.#repositories.fetch(wanted, signal);
    throw new SourceError("unsupported", `"${repository}" is no https:// or oci:// address`);
  }
}
