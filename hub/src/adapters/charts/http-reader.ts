import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { HttpError } from "../../credentials/ask-http.ts";
import type { AskHttp, HttpAnswer } from "../../credentials/ask-http.ts";
import { authorizationOf } from "../../credentials/credential.ts";
import type { Credential, CredentialSource } from "../../credentials/credential.ts";
import { SourceError } from "../../sources/source-error.ts";
import { AddressRule } from "../outbound/address-rule.ts";

export interface ReadRequest {
  readonly url: string;
  /** Address whose entry of the credentials is for the request, where it is not the URL itself. */
  readonly credentialUrl?: string;
  readonly maxBytes: number;
  /** The one origin that credentials are shown to; the URL's own when left out. */
  readonly loginOrigin?: string;
  /** What the credentials say is not shown at all; `authorization` is. */
  readonly isAnonymous?: boolean;
  readonly accept?: string;
  /** Of what is known already: an answer of 304 says that it is still so. */
  readonly etag?: string;
  /** Instead of what the credentials say. */
  readonly authorization?: string;
  /** The server may compress it on the way. */
  readonly compressible?: boolean;
}

export interface ReadAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly credential: Credential | undefined;
  /** Whether it was shown to the server that gave this answer. */
  readonly wasAuthorized: boolean;
}

export interface HttpReaderOptions {
  readonly ask: AskHttp;
  readonly credentials: CredentialSource;
  /** What may be asked; by the credentials alone where it is left out. */
  readonly rule?: AddressRule | undefined;
}

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const unpack = promisify(gunzip);

/**
 * GET, with redirects, each of them to what {@link AddressRule} lets be asked. Credentials never leave the scheme, host and
 * port they were first sent to.
 */
export class HttpReader {
  readonly #options: HttpReaderOptions;
  readonly #rule: AddressRule;

  constructor(options: HttpReaderOptions) {
    this.#options = options;
    this.#rule = options.rule ?? new AddressRule({ credentials: options.credentials });
  }

  /** Any status but a redirect is an answer. Throws SourceError: `unreachable`, `too-large`, `unsupported`. */
  async get(asked: ReadRequest, signal: AbortSignal): Promise<ReadAnswer> {
    const first = parseUrl(asked.url);
    let url = first;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
      const isTrusted = url.origin === (asked.loginOrigin ?? first.origin);
      const credential = await this.credentialFor(isTrusted ? (asked.credentialUrl ?? url.href) : url.href, signal);
      if (!/^https?:$/.test(url.protocol)) {
        throw new SourceError("unsupported", `${url.protocol}// addresses are not read`);
      }
      await this.#rule.check(url.href, signal);
      const own = asked.isAnonymous === true ? undefined : authorizationOf(credential?.login);
      const authorization = isTrusted ? (asked.authorization ?? own) : undefined;
      const answer = await this.#send(asked, { url, authorization, caPem: credential?.caPem }, signal);
      const { location } = answer.headers;
      if (!REDIRECTS.has(answer.status) || location === undefined) {
        return { ...answer, credential, wasAuthorized: authorization !== undefined };
      }
      url = parseUrl(location, url);
    }
    throw new SourceError("unsupported", `${first.host} redirects more than ${MAX_REDIRECTS} times`);
  }

  /** The server did not take what it was shown: what was fetched and kept is fetched anew next time. */
  refused(credential: Credential | undefined): void {
    if (credential !== undefined) this.#options.credentials.refused(credential);
  }

  /** What the hub has for an address. Throws SourceError `unauthorized` for credentials that cannot be used. */
  async credentialFor(url: string, signal: AbortSignal): Promise<Credential | undefined> {
    try {
      return await this.#options.credentials.credentialFor(url, signal);
    } catch (error) {
      signal.throwIfAborted();
      const message = error instanceof Error ? error.message : String(error);
      throw new SourceError("unauthorized", `the hub's credentials cannot be used: ${message}`, { cause: error });
    }
  }

  async #send(
    asked: ReadRequest,
    sent: { readonly url: URL; readonly authorization: string | undefined; readonly caPem: string | undefined },
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const { url, authorization, caPem } = sent;
    const { maxBytes, accept = "*/*", etag, compressible = false } = asked;
    const headers = {
      "user-agent": "axle-hub",
      accept,
      "accept-encoding": compressible ? "gzip" : "identity",
      ...(etag !== undefined && { "if-none-match": etag }),
      ...(authorization !== undefined && { authorization }),
    };
    try {
      const answer = await this.#options.ask({ method: "GET", url: url.href, headers, caPem, maxBytes }, signal);
      if (!compressible || answer.headers["content-encoding"] !== "gzip") return answer;
      return { ...answer, body: await unpackBody(answer.body, maxBytes, url.host) };
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      throw sourceErrorOf(error);
    }
  }
}

function sourceErrorOf(error: HttpError): SourceError {
  const code = error.code === "too-large" ? "too-large" : error.code === "forbidden" ? "unsupported" : "unreachable";
  return new SourceError(code, error.message, { cause: error });
}

async function unpackBody(body: Buffer, maxBytes: number, where: string): Promise<Buffer> {
  try {
    return await unpack(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if (error instanceof RangeError) {
      throw new SourceError("too-large", `${where} sends more than ${maxBytes} bytes`, { cause: error });
    }
    throw new SourceError("unsafe", `${where} says its answer is compressed, and it is not`, { cause: error });
  }
}

function parseUrl(text: string, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (url === null) throw new SourceError("unsupported", `"${text}" is no address`);
  if (url.username !== "" || url.password !== "") {
    throw new SourceError(
      "unsupported",
      `an address of ${url.host} holds credentials; they belong into the hub's credentials`,
    );
  }
  return url;
}
