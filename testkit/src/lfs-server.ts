import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

const mediaType = "application/vnd.git-lfs+json";

/** One call of the batch API, as it came. */
export interface LfsCall {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly oids: readonly string[];
}

export interface LfsServerOptions {
  /** Whether the batch API answers to this header; everybody when left out. */
  readonly accepts?: (authorization: string | undefined) => boolean;
}

/**
 * Large files as Git LFS serves them: the batch API at `<repository>.git/info/lfs/objects/batch` and a storage that wants the
 * header the batch answer gave, as presigned storage does. A route for `GitServer`.
 */
export class LfsServer {
  readonly #objects = new Map<string, Buffer>();
  readonly #options: LfsServerOptions;
  readonly #ticket = `Ticket ${randomBytes(12).toString("hex")}`;
  readonly calls: LfsCall[] = [];
  /** `authorization` headers the storage saw. */
  readonly downloads: (string | undefined)[] = [];
  /** Asked before each download: what it gives is waited for. */
  beforeDownload: (oid: string) => Promise<unknown> | undefined = () => undefined;
  /** Where downloads are said to be, when not here: `https://elsewhere`. */
  storageOrigin: string | undefined;

  constructor(options: LfsServerOptions = {}) {
    this.#options = options;
  }

  /** Stores an object and gives the pointer file that stands for it. */
  store(content: string | Buffer): string {
    const bytes = Buffer.from(content);
    const oid = createHash("sha256").update(bytes).digest("hex");
    this.#objects.set(oid, bytes);
    return `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${bytes.length}\n`;
  }

  /** What is served for a pointer from now on; undefined: nothing. */
  replace(pointer: string, content: Buffer | undefined): void {
    const oid = /oid sha256:(\S+)/.exec(pointer)?.[1] ?? "";
    if (content === undefined) this.#objects.delete(oid);
    else this.#objects.set(oid, content);
  }

  readonly route = async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    const path = request.url ?? "";
    const stored = /^\/lfs-storage\/([0-9a-f]{64})$/.exec(path)?.[1];
    if (stored !== undefined) {
      await this.#serveObject(stored, request, response);
      return true;
    }
    if (!path.endsWith("/objects/batch")) return false;
    await this.#serveBatch(path, request, response);
    return true;
  };

  async #serveObject(oid: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { authorization } = request.headers;
    this.downloads.push(authorization);
    await this.beforeDownload(oid);
    const content = this.#objects.get(oid);
    if (authorization !== this.#ticket) response.writeHead(403);
    else if (content === undefined) response.writeHead(404);
    else response.writeHead(200, { "content-type": "application/octet-stream" }).write(content);
  }

  async #serveBatch(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await text(request)) as {
      readonly operation: string;
      readonly objects: readonly { readonly oid: string; readonly size: number }[];
    };
    const { authorization } = request.headers;
    this.calls.push({ path, authorization, oids: body.objects.map(({ oid }) => oid) });
    const answer = (status: number, value: object): void => {
      response.writeHead(status, { "content-type": mediaType }).write(JSON.stringify(value));
    };
    if (request.headers.accept !== mediaType) return answer(406, { message: "wrong media type" });
    if (this.#options.accepts?.(authorization) === false) return answer(401, { message: "Credentials needed" });
    const origin =
      this.storageOrigin ?? `${"encrypted" in request.socket ? "https" : "http"}://${request.headers.host ?? ""}`;
    const objects = body.objects.map(({ oid, size }) => {
      if (!this.#objects.has(oid)) return { oid, size, error: { code: 404, message: "Object does not exist" } };
      const download = {
        href: `${origin}/lfs-storage/${oid}`,
        header: { Authorization: this.#ticket },
        expires_in: 60,
      };
      return { oid, size, authenticated: true, actions: { download } };
    });
    answer(200, { transfer: "basic", objects, hash_algo: "sha256" });
  }
}
