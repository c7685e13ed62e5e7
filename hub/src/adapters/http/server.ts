import { createServer as createPlainServer } from "node:http";
import type { IncomingMessage, Server as PlainServer, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { race, withDeadline } from "@axle/runtime/deadline.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { Service } from "@axle/runtime/service.ts";
import type { FleetApi } from "../../api/fleet-api.ts";
import type { TlsPair } from "../../identity/server-certificate.ts";
import { checkBearerToken } from "../bearer-token.ts";
import { FLEET_JSON_CALLS } from "../grpc/wire-fleet.ts";
import { ListenError } from "../listen-error.ts";
import { HttpError } from "./http-error.ts";
import { readPushHook } from "./push-hook.ts";
import { readBody } from "./read-body.ts";

const MAX_API_BYTES = 1_024 * 1_024;
/** Hooks name the commits pushed; one that is larger is a push the next poll sees. */
const MAX_HOOK_BYTES = 4 * 1_024 * 1_024;
const GRACE_MS = 3_000;

export interface HttpServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Undefined serves plain HTTP, for use behind something that adds TLS. */
  readonly tls: TlsPair | undefined;
  readonly adminToken: string;
  readonly hookSecret: string;
  readonly api: FleetApi;
  readonly hooks: PushHooks;
  /** Prometheus text. */
  readonly metrics: { text(): Promise<{ readonly contentType: string; readonly body: string }> };
  /** What keeps the hub from serving, in words; empty when it is ready. */
  readonly unready: () => readonly string[];
  readonly now: () => number;
  readonly log: Logger;
}

/** Who is told of pushes. */
export interface PushHooks {
  /** The branch that is followed; "" while it is not known. */
  branch(): string;
  /** Never waits. `atMs`: when the hook arrived. */
  pushed(atMs: number): void;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** The hub's HTTP: `POST /api/v1/<Method>` with JSON, `POST /hooks/git`, `/healthz`, `/readyz`, `/metrics`. */
export class HttpServer implements Service, AsyncDisposable {
  readonly name = "http";
  readonly port: number;
  readonly #server: PlainServer | TlsServer;

  private constructor(server: PlainServer | TlsServer) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Listens; throws {@link ListenError}. */
  static async start(options: HttpServerOptions): Promise<HttpServer> {
    const handle = (request: IncomingMessage, response: ServerResponse) => {
      void answer(request, response, options);
    };
    const server =
      options.tls === undefined
        ? createPlainServer(handle)
        : createTlsServer({ cert: options.tls.certificatePem, key: options.tls.keyPem }, handle);
    server.requestTimeout = 30_000;
    server.headersTimeout = 10_000;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(new ListenError("HTTP", options, error)));
      server.listen(options.port, options.host, resolve);
    });
    return new HttpServer(server);
  }

  /** A renewed server certificate, for connections from now on. */
  useCertificate(pair: TlsPair): void {
    if ("setSecureContext" in this.#server) {
      this.#server.setSecureContext({ cert: pair.certificatePem, key: pair.keyPem });
    }
  }

  /** Serves until stopped, then lets requests end for a moment. */
  async run(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeIdleConnections();
    try {
      await withDeadline({ timeoutMs: GRACE_MS, what: "end requests" }, (signal) => race(closed, signal));
    } catch {
      this.#server.closeAllConnections();
      await closed;
    }
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, options: HttpServerOptions): Promise<void> {
  const arrivedAtMs = options.now();
  const controller = new AbortController();
  response.on("close", () => controller.abort());
  let result: Answer;
  try {
    result = await route(request, { ...options, arrivedAtMs, signal: controller.signal });
  } catch (error) {
    const { status, code, message } = HttpError.from(error);
    if (status >= 500) options.log.error({ path: request.url, error }, "request failed");
    result = json(status, { error: message, code });
  }
  if (response.destroyed) return;
  response.writeHead(result.status, {
    "content-type": result.contentType,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    // What was not read of a body would be taken for the next request.
    ...(request.complete ? {} : { connection: "close" }),
  });
  response.end(result.body);
}

type Context = HttpServerOptions & { readonly arrivedAtMs: number; readonly signal: AbortSignal };

async function route(request: IncomingMessage, context: Context): Promise<Answer> {
  const path = pathOf(request.url ?? "/");
  switch (path) {
    case "/healthz":
      return text(200, "ok\n");
    case "/readyz": {
      const reasons = context.unready();
      return reasons.length === 0 ? text(200, "ok\n") : text(503, `${reasons.join("\n")}\n`);
    }
    case "/metrics": {
      checkBearerToken(request.headers.authorization, context.adminToken);
      const { contentType, body } = await context.metrics.text();
      return { status: 200, contentType, body };
    }
    case "/hooks/git":
      return takeHook(request, context);
  }
  if (path.startsWith("/api/v1/")) return callApi(path.slice("/api/v1/".length), request, context);
  throw new HttpError(404, `there is nothing at ${path}; the API is POST /api/v1/<Method>`);
}

/** What a client sends there may be anything, `//` or a whole address for a proxy. */
function pathOf(target: string): string {
  const url = URL.canParse(target, "http://hub") ? new URL(target, "http://hub") : undefined;
  if (url === undefined || !target.startsWith("/")) throw new HttpError(400, "the request's target is not a path");
  return url.pathname;
}

async function takeHook(request: IncomingMessage, context: Context): Promise<Answer> {
  checkPost(request);
  const body = await readBody(request, MAX_HOOK_BYTES);
  const { hooks, hookSecret, arrivedAtMs, log } = context;
  const expect = { secret: hookSecret, branch: hooks.branch() };
  const hook = readPushHook({ headers: request.headers, body }, expect);
  if (hook.type === "ignored") {
    log.debug({ because: hook.because }, "push hook ignored");
    return json(202, { accepted: true, ignored: hook.because });
  }
  hooks.pushed(arrivedAtMs);
  return json(202, { accepted: true });
}

async function callApi(method: string, request: IncomingMessage, context: Context): Promise<Answer> {
  checkBearerToken(request.headers.authorization, context.adminToken);
  const call = FLEET_JSON_CALLS.get(method);
  if (call === undefined) {
    throw new HttpError(404, `there is no method ${method}; there are ${[...FLEET_JSON_CALLS.keys()].join(", ")}`);
  }
  checkPost(request);
  const body = await readBody(request, MAX_API_BYTES);
  const actor = `admin from ${request.socket.remoteAddress ?? "unknown"}`;
  return json(200, await call(parseBody(body), { api: context.api, actor, signal: context.signal }));
}

function checkPost(request: IncomingMessage): void {
  if (request.method !== "POST") throw new HttpError(405, `${request.method} is not served here; use POST`);
}

/** An empty body is an empty request. */
function parseBody(body: Buffer): unknown {
  if (body.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch (error) {
    throw new HttpError(400, "the body is not JSON", { cause: error });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new HttpError(400, "the body is not a JSON object");
}

function json(status: number, value: unknown): Answer {
  return { status, contentType: "application/json; charset=utf-8", body: `${JSON.stringify(value)}\n` };
}

function text(status: number, body: string): Answer {
  return { status, contentType: "text/plain; charset=utf-8", body };
}
