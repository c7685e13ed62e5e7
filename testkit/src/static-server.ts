import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join, normalize } from "node:path";
import { createHash } from "node:crypto";
import type { LoopbackCertificate } from "./loopback-certificate.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "./temporary-directory.ts";

/** Answers instead of the files; true: it did. */
export type StaticRoute = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface StaticServerOptions {
  readonly certificate: LoopbackCertificate;
}

export interface StaticRequest {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly status: number;
}

/** Files over https, as a chart repository on a web server, with ETags; what comes in is recorded. */
export class StaticServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #directory: TemporaryDirectory;
  readonly requests: StaticRequest[] = [];
  /** Asked first, for answers no web server should give. */
  route: StaticRoute = () => false;
  /** Value of `Authorization` that everything but a route demands. */
  authorization: string | undefined;

  private constructor(directory: TemporaryDirectory, { certificate }: StaticServerOptions) {
    this.#directory = directory;
    const { certificatePem: cert, keyPem: key } = certificate;
    this.#server = createServer({ cert, key }, (request, response) => {
      response.on("close", () => {
        const { authorization } = request.headers;
        this.requests.push({ path: request.url ?? "", authorization, status: response.statusCode });
      });
      if (!this.route(request, response)) void this.#answer(request, response);
    });
  }

  static async start(options: StaticServerOptions): Promise<StaticServer> {
    const server = new StaticServer(await createTemporaryDirectory("static"), options);
    await server.listen();
    return server;
  }

  /** What it serves. */
  get folder(): string {
    return this.#directory.path;
  }

  get port(): number {
    return this.#port;
  }
  #port = 0;

  /** `https://127.0.0.1:port` */
  get origin(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** Nobody listens until `listen`. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    await new Promise((resolve) => void this.#server.close(resolve));
  }

  /** On the same port as before. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#directory[Symbol.asyncDispose]();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.authorization !== undefined && request.headers.authorization !== this.authorization) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="charts"' }).end();
      return;
    }
    const path = normalize(decodeURIComponent(new URL(request.url ?? "/", "https://static").pathname));
    const content = await readFile(join(this.folder, path)).catch(() => undefined);
    if (content === undefined) {
      response.writeHead(404).end("not found");
      return;
    }
    const etag = `"${createHash("sha256").update(content).digest("hex")}"`;
    if (request.headers["if-none-match"] === etag) response.writeHead(304, { etag }).end();
    else response.writeHead(200, { etag }).end(content);
  }
}
