import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { createWriteStream } from "node:fs";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { gunzipSync } from "node:zlib";
import { DownloadError } from "./download-error.ts";
import { readTarMember } from "./read-tar.ts";
import type { ReleaseFile } from "./tool-catalogue.ts";

export interface DownloadOptions {
  /** A mirror to ask in place of the real hosts: `<mirror>/<host>/<path>`. */
  readonly mirror?: string;
  /** Until the first byte of an answer; default 5 s, because there are other ways to get the tool. */
  readonly connectTimeoutMs?: number;
  /** Without any byte in the middle of an answer; default 20 s. */
  readonly stallTimeoutMs?: number;
  readonly onProgress?: (received: number, total: number | undefined) => void;
  readonly signal?: AbortSignal;
}

/**
 * Fetches an official release file, checks it against the checksum published beside it, and puts the binary at `path`.
 * @throws DownloadError; then what is at `path` is not to be used
 */
export async function downloadRelease(release: ReleaseFile, path: string, options: DownloadOptions): Promise<void> {
  const url = throughMirror(release.url, options.mirror);
  const checksumUrl = throughMirror(release.checksumUrl, options.mirror);
  const published = await (await request(checksumUrl, options)).text().catch((error: unknown) => {
    throw DownloadError.from(error, "cut-off", checksumUrl);
  });
  const fileName = decodeURIComponent(basename(new URL(release.url).pathname));
  const expected = findChecksum(published, fileName);
  if (expected === undefined) {
    throw new DownloadError("bad-checksum", `${checksumUrl} names no SHA-256 for ${fileName}`);
  }
  const actual = await fetchFile(url, path, options);
  if (actual !== expected) {
    const message = `${url} has SHA-256 ${actual}, but ${expected} is published: it was not used`;
    throw new DownloadError("bad-checksum", message);
  }
  if (release.member !== undefined) await extract(path, release.member, url);
}

/**
 * Finds a file's SHA-256 in what is published: the sum alone, lines of sum and name as `sha256sum` writes them, or the JSON
 * of a GitHub release.
 */
export function findChecksum(published: string, fileName: string): string | undefined {
  const text = published.trim();
  if (/^[0-9a-fA-F]{64}$/.test(text)) return text.toLowerCase();
  if (text.startsWith("{")) return findAssetDigest(text, fileName);
  for (const line of text.split("\n")) {
    const match = /^([0-9a-fA-F]{64})\s+\*?(\S+)$/.exec(line.trim());
    if (match !== null && basename(match[2] ?? "") === fileName) return match[1]?.toLowerCase();
  }
  return undefined;
}

function findAssetDigest(json: string, fileName: string): string | undefined {
  try {
    const release = JSON.parse(json) as { assets?: { name?: string; digest?: string }[] };
    const digest = release.assets?.find((asset) => asset.name === fileName)?.digest;
    return digest === undefined ? undefined : /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  } catch {
    // Not JSON after all, so it names no checksum.
    return undefined;
  }
}

/** The address a mirror keeps a file under: `<mirror>/<host>/<path>`. */
export function throughMirror(url: string, mirror: string | undefined): string {
  if (mirror === undefined || mirror === "") return url;
  const { host, pathname, search } = new URL(url);
  return `${mirror.replace(/\/+$/, "")}/${host}${pathname}${search}`;
}

async function request(url: string, options: DownloadOptions): Promise<Response> {
  const connect = new AbortController();
  const timeoutMs = options.connectTimeoutMs ?? 5_000;
  const timer = setTimeout(() => {
    connect.abort(new DownloadError("unreachable", `${url}: no answer after ${timeoutMs} ms`));
  }, timeoutMs);
  const signals = options.signal === undefined ? [connect.signal] : [connect.signal, options.signal];
  try {
    const response = await fetch(url, { signal: AbortSignal.any(signals), redirect: "follow" });
    if (response.ok) return response;
    await response.body?.cancel();
    throw new DownloadError("refused", `${url} answers ${response.status} ${response.statusText}`.trim());
  } catch (error) {
    options.signal?.throwIfAborted();
    throw DownloadError.from(error, "unreachable", url);
  } finally {
    clearTimeout(timer);
  }
}

/** Writes the body to `path` and gives its SHA-256. */
async function fetchFile(url: string, path: string, options: DownloadOptions): Promise<string> {
  const response = await request(url, options);
  const length = response.headers.get("content-length");
  const total = length === null ? undefined : Number(length);
  const hash = createHash("sha256");
  const stalled = new AbortController();
  const stallTimeoutMs = options.stallTimeoutMs ?? 20_000;
  const timer = setTimeout(() => {
    stalled.abort(new DownloadError("cut-off", `${url}: nothing came for ${stallTimeoutMs} ms`));
  }, stallTimeoutMs);
  let received = 0;
  const count = async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      timer.refresh();
      hash.update(chunk);
      received += chunk.byteLength;
      options.onProgress?.(received, total);
      yield chunk;
    }
  };
  try {
    const body = response.body === null ? Readable.from([]) : Readable.fromWeb(response.body);
    await pipeline(body, count, createWriteStream(path), { signal: stalled.signal });
  } catch (error) {
    options.signal?.throwIfAborted();
    throw DownloadError.from(stalled.signal.aborted ? stalled.signal.reason : error, "cut-off", url);
  } finally {
    clearTimeout(timer);
  }
  if (total !== undefined && received !== total) {
    throw new DownloadError("cut-off", `${url} was cut off after ${received} of ${total} bytes`);
  }
  return hash.digest("hex");
}

async function extract(path: string, member: string, url: string): Promise<void> {
  const archive = await readFile(path);
  let binary: Buffer | undefined;
  try {
    binary = readTarMember(gunzipSync(archive), member);
  } catch (cause) {
    throw new DownloadError("bad-archive", `${url} is not a .tar.gz archive`, { cause });
  }
  if (binary === undefined) throw new DownloadError("bad-archive", `${url} holds no ${member}`);
  await writeFile(path, binary);
}
