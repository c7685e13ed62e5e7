import { createHash } from "node:crypto";
import type { lookup } from "node:dns";
import { withDeadline } from "@axle/runtime/deadline.ts";
import { StopError } from "@axle/runtime/stop-error.ts";
import { type Dispatcher, EnvHttpProxyAgent } from "undici";
import { type HttpAnswer, type HttpAsk, HttpError } from "../../credentials/ask-http.ts";
import { guardedLookup } from "./link-local.ts";

const STALL_MS = 30_000;
/** Private certificate authorities in use at once; rotation brings new ones. */
const MAX_DISPATCHERS = 16;

export interface HttpClientOptions {
  /** Read for HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as git reads them. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** For a whole call. */
  readonly timeoutMs?: number;
  /** Until the first byte, and between two. */
  readonly stallMs?: number;
  /** For addresses that others name: no name is followed to a link-local address, but for the host exempt. */
  readonly guard?: { readonly exempt?: string | undefined; readonly lookup?: typeof lookup };
}

/** Calls to servers outside, through the proxy of the environment where one is named. Dispose ends its connections. */
export class HttpClient implements AsyncDisposable {
  readonly #options: HttpClientOptions;
  readonly #dispatchers = new Map<string, Dispatcher>();

  constructor(options: HttpClientOptions) {
    this.#options = options;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const dispatchers = [...this.#dispatchers.values()];
    this.#dispatchers.clear();
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.destroy()));
  }

  /** Throws {@link HttpError}; no redirect is followed. */
  readonly ask = async (ask: HttpAsk, signal: AbortSignal): Promise<HttpAnswer> => {
    const { host } = new URL(ask.url);
    const options = { timeoutMs: this.#options.timeoutMs ?? 600_000, signal, what: `a call to ${host}` };
    try {
      return await withDeadline(options, (deadline) => this.#call(ask, deadline));
    } catch (error) {
      signal.throwIfAborted();
      throw httpErrorFrom(error, host);
    }
  };

  async #call(ask: HttpAsk, signal: AbortSignal): Promise<HttpAnswer> {
    const { origin, pathname, search } = new URL(ask.url);
    const { statusCode, headers, body } = await this.#dispatcherFor(ask.caPem).request({
      origin,
      path: pathname + search,
      method: ask.method,
      headers: ask.headers,
      signal,
      ...(ask.body === undefined ? {} : { body: ask.body }),
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > ask.maxBytes) {
        throw new HttpError("too-large", `${new URL(ask.url).host} sends more than ${ask.maxBytes} bytes`);
      }
      chunks.push(chunk);
    }
    const plain = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value ?? "")] as const);
    return { status: statusCode, headers: Object.fromEntries(plain), body: Buffer.concat(chunks) };
  }

  #dispatcherFor(caPem: string | undefined): Dispatcher {
    const key = caPem === undefined ? "" : createHash("sha256").update(caPem).digest("hex");
    const held = this.#dispatchers.get(key);
    if (held !== undefined) return held;
    const { environment, stallMs = STALL_MS, guard } = this.#options;
    const lookup = guard === undefined ? {} : { lookup: guardedLookup(guard.exempt, guard.lookup) };
    const tls = caPem === undefined ? {} : { ca: caPem };
    const dispatcher = new EnvHttpProxyAgent({
      httpProxy: environment["http_proxy"] ?? environment["HTTP_PROXY"] ?? "",
      httpsProxy: environment["https_proxy"] ?? environment["HTTPS_PROXY"] ?? "",
      noProxy: environment["no_proxy"] ?? environment["NO_PROXY"] ?? "",
      connect: { ...tls, ...lookup, timeout: stallMs },
      requestTls: tls,
      headersTimeout: stallMs,
      bodyTimeout: stallMs,
    });
    this.#dispatchers.set(key, dispatcher);
    const [oldest] = this.#dispatchers;
    if (this.#dispatchers.size > MAX_DISPATCHERS && oldest !== undefined) {
      this.#dispatchers.delete(oldest[0]);
      void oldest[1].close();
    }
    return dispatcher;
  }
}

/** What undici, TLS and the system throw, in our words. */
function httpErrorFrom(cause: unknown, host: string): Error {
  if (cause instanceof HttpError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (cause instanceof StopError || /TIMEOUT|ETIMEDOUT/.test(code)) {
    return new HttpError("timeout", `${host} does not answer in time`, { cause });
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|ALTNAME/.test(code)) {
    const remedy = "if it is a private authority, give it to the hub (ca or caFile in the credentials file)";
    return new HttpError("certificate", `the certificate of ${host} is not trusted (${text}); ${remedy}`, { cause });
  }
  const why = code === "ENOTFOUND" || code === "EAI_AGAIN" ? "its name is not known" : text;
  return new HttpError("unreachable", `${host} cannot be reached (${why})`, { cause });
}
