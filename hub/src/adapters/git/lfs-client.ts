import { createHash } from "node:crypto";
import { type AskHttp, type HttpAnswer, HttpError } from "../../credentials/ask-http.ts";
import { CredentialError } from "../../credentials/credential-error.ts";
import { authorizationOf, type Credential, type CredentialSource } from "../../credentials/credential.ts";
import type { AddressRule } from "../outbound/address-rule.ts";
import { SourceError } from "../../sources/source-error.ts";
import type { LfsPointer } from "./lfs-pointer.ts";

const MEDIA_TYPE = "application/vnd.git-lfs+json";
const MAX_ANSWER_BYTES = 4 * 1024 ** 2;
const MAX_REDIRECTS = 3;

/** Where a repository's large files are asked for. */
export interface LfsServer {
  /** Address of the API: the repository's with `/info/lfs`, or what `.lfsconfig` or the SSH server names. */
  readonly url: string;
  /** What the SSH server gave for it; credentials of the configuration are then not asked for. */
  readonly header: Readonly<Record<string, string>> | undefined;
}

/** Where one file is, as the batch API says. */
export interface LfsDownload {
  readonly href: string;
  readonly header: Readonly<Record<string, string>>;
}

export interface LfsClientOptions {
  readonly ask: AskHttp;
  readonly credentials: CredentialSource;
  /** Which addresses are asked. */
  readonly rule: Pick<AddressRule, "check">;
}

/** Speaks the Git LFS batch API, transfer `basic`. Credentials go to the address they are for, and nowhere a server points. */
export class LfsClient {
  readonly #options: LfsClientOptions;

  constructor(options: LfsClientOptions) {
    this.#options = options;
  }

  /** Where the files are, or why one is not to be had, by oid. Throws SourceError when the server gives no list at all. */
  async batch(
    server: LfsServer,
    pointers: readonly LfsPointer[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, LfsDownload | SourceError>> {
    const url = `${server.url.replace(/\/+$/, "")}/objects/batch`;
    await this.#options.rule.check(url, signal);
    const credential = await this.#credentialFor(url, signal);
    const authorization = server.header === undefined ? authorizationOf(credential?.login) : undefined;
    const headers = {
      accept: MEDIA_TYPE,
      "content-type": MEDIA_TYPE,
      "user-agent": "axle-hub",
      ...(authorization === undefined ? {} : { authorization }),
      ...server.header,
    };
    const objects = pointers.map(({ oid, size }) => ({ oid, size }));
    const body = JSON.stringify({ operation: "download", transfers: ["basic"], objects, hash_algo: "sha256" });
    const caPem = credential?.caPem;
    const answer = await this.#call({ method: "POST", url, headers, body, caPem, maxBytes: MAX_ANSWER_BYTES }, signal);
    if (answer.status !== 200) throw this.#refusal(url, answer, credential);
    const own = {
      origin: new URL(url).origin,
      header: server.header ?? (authorization === undefined ? {} : { authorization }),
    };
    return new Map([...readBatch(answer.body, url)].map(([oid, found]) => [oid, withOwnHeader(found, own)]));
  }

  /** The file's content, proven. Throws SourceError. */
  async download(pointer: LfsPointer, from: LfsDownload, signal: AbortSignal): Promise<Buffer> {
    let href = checkHref(from.href);
    let { header } = from;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      await this.#options.rule.check(href, signal);
      const caPem = (await this.#credentialFor(href, signal))?.caPem;
      const ask = { method: "GET", url: href, headers: { ...header, "user-agent": "axle-hub" }, caPem } as const;
      const answer = await this.#call({ ...ask, maxBytes: pointer.size }, signal);
      const { location } = answer.headers;
      if (answer.status === 200) return prove(pointer, answer.body, href);
      if (answer.status < 300 || answer.status > 399 || location === undefined)
        throw this.#refusal(href, answer, undefined);
      const next = checkHref(new URL(location, href).href);
      if (href.startsWith("https:") && !next.startsWith("https:")) break;
      // What the server gave for one host is for that host.
      if (new URL(next).origin !== new URL(href).origin) header = {};
      href = next;
    }
    throw new SourceError("unsupported", `${new URL(href).host} redirects a large file too often, or to plain http`);
  }

  async #credentialFor(url: string, signal: AbortSignal): Promise<Credential | undefined> {
    try {
      return await this.#options.credentials.credentialFor(url, signal);
    } catch (error) {
      if (!(error instanceof CredentialError)) throw error;
      throw new SourceError(error.code === "unreachable" ? "unreachable" : "unauthorized", error.message, {
        cause: error,
      });
    }
  }

  async #call(ask: Parameters<AskHttp>[0], signal: AbortSignal): Promise<HttpAnswer> {
    try {
      return await this.#options.ask(ask, signal);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      const codes = { "too-large": "digest-changed", forbidden: "unsupported" } as const;
      const code = error.code === "too-large" || error.code === "forbidden" ? codes[error.code] : "unreachable";
      throw new SourceError(code, `large files (LFS): ${error.message}`, { cause: error });
    }
  }

  #refusal(url: string, { status }: HttpAnswer, credential: Credential | undefined): SourceError {
    const { host } = new URL(url);
    const from = credential?.login === undefined ? undefined : credential.from;
    if (status === 401 || status === 403) {
      if (credential !== undefined) this.#options.credentials.refused(credential);
      const remedy =
        from === undefined
          ? `the credentials file has no entry for ${new URL(url).origin}; add one`
          : `the credentials of the entry ${from} may not read them`;
      return new SourceError("unauthorized", `${host} does not give the large files (LFS, ${status}): ${remedy}`);
    }
    if (status === 404 || status === 410) {
      return new SourceError(
        "not-found",
        `${host} serves no large files (LFS) for this repository; were they pushed (git lfs push)?`,
      );
    }
    return new SourceError("unreachable", `${host} answers ${status} when asked for large files (LFS)`);
  }
}

function readBatch(body: Buffer, url: string): ReadonlyMap<string, LfsDownload | SourceError> {
  const { host } = new URL(url);
  const found = new Map<string, LfsDownload | SourceError>();
  for (const object of listOf(parse(body), "objects")) {
    const oid = textOf(object, "oid") ?? "";
    const error = fieldOf(object, "error");
    const download = fieldOf(fieldOf(object, "actions"), "download");
    const href = textOf(download, "href");
    if (error !== undefined || href === undefined) {
      const code = Number(fieldOf(error, "code") ?? 404);
      const remedy = "push it with `git lfs push --all`, or replace the pointer by the file";
      found.set(oid, new SourceError("not-found", `${host} does not have the large file (LFS, ${code}); ${remedy}`));
      continue;
    }
    const given = fieldOf(download, "header");
    const header = typeof given === "object" && given !== null ? Object.entries(given) : [];
    found.set(oid, { href, header: Object.fromEntries(header.filter(([, value]) => typeof value === "string")) });
  }
  return found;
}

/** A server that stores the files itself may leave out the header, and expects the one it was asked with. */
function withOwnHeader(
  found: LfsDownload | SourceError,
  own: { readonly origin: string; readonly header: Readonly<Record<string, string>> },
): LfsDownload | SourceError {
  if (found instanceof SourceError || Object.keys(found.header).some((name) => /^authorization$/i.test(name)))
    return found;
  const isOwn = URL.canParse(found.href) && new URL(found.href).origin === own.origin;
  return isOwn ? { ...found, header: { ...own.header, ...found.header } } : found;
}

function prove(pointer: LfsPointer, content: Buffer, href: string): Buffer {
  const digest = createHash("sha256").update(content).digest("hex");
  if (content.length === pointer.size && digest === pointer.oid) return content;
  const message = `${new URL(href).host} serves another large file than the one committed (${digest.slice(0, 12)}, expected ${pointer.oid.slice(0, 12)})`;
  throw new SourceError("digest-changed", message);
}

/** Servers name where to download: over the network, and nowhere else. */
function checkHref(href: string): string {
  if (URL.canParse(href) && /^https?:$/.test(new URL(href).protocol)) return href;
  throw new SourceError("unsupported", "the LFS server names a place that is no http address");
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}

function listOf(value: unknown, name: string): readonly unknown[] {
  const list = fieldOf(value, name);
  if (Array.isArray(list)) return list as readonly unknown[];
  throw new SourceError("unsupported", "the LFS server's answer is none of its batch API");
}

function textOf(value: unknown, name: string): string | undefined {
  const text = fieldOf(value, name);
  return typeof text === "string" ? text : undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
