import { describeSource, fileNameOf } from "@axle/core/fleet/source-request.ts";
import type { FileSource, SourceRequest } from "@axle/core/fleet/source-request.ts";
import { sha256Hex } from "@axle/runtime/crypto/digests.ts";
import type { AskHttp } from "../../credentials/ask-http.ts";
import type { CredentialSource } from "../../credentials/credential.ts";
import { SourceError } from "../../sources/source-error.ts";
import type { AddressRule } from "../outbound/address-rule.ts";
import type { FetchedSource, SourceFetcher, TreeKeeper } from "../../source-ports.ts";
import { DEFAULT_CHART_LIMITS } from "./chart-limits.ts";
import type { ChartLimits } from "./chart-limits.ts";
import { HttpReader } from "./http-reader.ts";
import { refuseChanged } from "./packaged-chart.ts";
import { statusError } from "./status-error.ts";

export interface FileFetcherOptions {
  readonly trees: TreeKeeper;
  readonly credentials: CredentialSource;
  readonly ask: AskHttp;
  /** What may be asked; by the credentials alone where it is left out. */
  readonly rule?: AddressRule;
  readonly limits?: Partial<ChartLimits>;
}

/** Single files from web servers, as kustomizations name manifests of a release. The digest is that of the content. */
export class FileFetcher implements SourceFetcher {
  readonly #trees: TreeKeeper;
  readonly #limits: ChartLimits;
  readonly #http: HttpReader;

  constructor({ trees, credentials, ask, rule, limits }: FileFetcherOptions) {
    this.#trees = trees;
    this.#limits = { ...DEFAULT_CHART_LIMITS, ...limits };
    this.#http = new HttpReader({ ask, credentials, rule });
  }

  /** Throws SourceError, whose message begins with the address. */
  async fetch(request: SourceRequest, pinned: string | undefined, signal: AbortSignal): Promise<FetchedSource> {
    if (request.type !== "file") throw new SourceError("unsupported", `${describeSource(request)} is no file`);
    if (pinned !== undefined) {
      const tree = await this.#trees.find(keptName(request, pinned), signal);
      if (tree !== undefined) return { digest: pinned, tree };
    }
    try {
      const content = await this.#download(request, signal);
      const digest = `sha256:${sha256Hex(content)}`;
      refuseChanged({ request, pinned }, digest);
      const files = [{ path: fileNameOf(request), executable: false, content }];
      return { digest, tree: await this.#trees.keep(keptName(request, digest), files, signal) };
    } catch (error) {
      if (!(error instanceof SourceError) || error.message.startsWith(request.url)) throw error;
      throw new SourceError(error.code, `${request.url}: ${error.message}`, { cause: error });
    }
  }

  async #download({ url }: FileSource, signal: AbortSignal): Promise<Buffer> {
    const answer = await this.#http.get({ url, maxBytes: this.#limits.fileBytes }, signal);
    if (answer.status === 401 && answer.wasAuthorized) this.#http.refused(answer.credential);
    const error = statusError(answer.status, URL.parse(url)?.host ?? url, answer.wasAuthorized);
    if (error !== undefined) throw error;
    return answer.body;
  }
}

/** The same content under another name is another tree. */
function keptName(request: FileSource, digest: string): string {
  return `${digest.replace("sha256:", "file:")}:${sha256Hex(fileNameOf(request)).slice(0, 16)}`;
}
