import http from "node:http";
import https from "node:https";
import type { IncomingMessage, RequestOptions } from "node:http";
import { sleep as realSleep } from "@axle/runtime/sleep.ts";
import type { Sleep } from "@axle/runtime/sleep.ts";
import { ConnectionPools } from "./connection-pools.ts";
import type { ConnectionPool } from "./connection-pools.ts";
import type { KubeAccess, KubeCredentials } from "./kube-access.ts";
import { KubeError, errorOfAnswer } from "./kube-error.ts";
import { RunningRequests, abortedBy } from "./running-requests.ts";

export interface KubeRequest {
  readonly method: "GET" | "PATCH" | "PUT" | "POST" | "DELETE";
  /** With query. */
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly accept?: string;
  /** In whose name, when not our own. */
  readonly user?: string;
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
}

export interface TransportOptions {
  /** Connections for requests; more wait their turn. Watches have their own. */
  readonly connections?: number;
  readonly timeoutMs?: number;
  /** Asked before each write; while it says no, writes fail as if the server were away. */
  readonly mayWrite?: () => boolean;
  readonly sleep?: Sleep;
}

const REFUSED_TRIES = 5;
const LONGEST_RETRY_AFTER_MS = 30_000;

/**
 * Requests over kept connections. A request the server refused to start (429) is sent again after the time it names, one
 * that met a connection the server had just closed is sent again at once; every other failure is the caller's to judge.
 */
export class HttpsTransport implements Disposable {
  readonly #access: KubeAccess;
  readonly #timeoutMs: number;
  readonly #mayWrite: () => boolean;
  readonly #sleep: Sleep;
  readonly #pools: ConnectionPools;
  readonly #running = new RunningRequests();
  readonly #client: typeof https | typeof http;
  readonly #place: { readonly hostname: string; readonly port: string };
  /** Before every path; empty unless the API is served below one. */
  readonly #basePath: string;
  /** Sent so far, watches included: what tests and metrics count. */
  readonly counts = { requests: 0, watches: 0, writes: 0 };

  constructor(access: KubeAccess, options: TransportOptions = {}) {
    this.#access = access;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#mayWrite = options.mayWrite ?? (() => true);
    this.#sleep = options.sleep ?? realSleep;
    const { protocol, hostname, port, pathname } = access.server;
    this.#client = protocol === "http:" ? http : https;
    this.#place = { hostname: hostname.replace(/^\[|\]$/g, ""), port };
    this.#basePath = pathname.replace(/\/$/, "");
    this.#pools = new ConnectionPools(access, options.connections ?? 16);
  }

  /** The parsed JSON answer; throws a KubeError for a status of 400 and above. */
  async send(request: KubeRequest): Promise<unknown> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#sendOnce(request, attempt > 1);
      } catch (error) {
        const failure = KubeError.from(error);
        if (request.signal.aborted || !isWorthAnother(failure, error, attempt)) throw failure;
        if (failure.code === "too-many-requests") await this.#sleep(waitOf(failure), request.signal);
      }
    }
  }

  async #sendOnce(request: KubeRequest, again: boolean): Promise<unknown> {
    this.counts.requests += 1;
    if (request.method !== "GET" && !request.path.includes("dryRun=")) {
      if (!this.#mayWrite()) throw new KubeError("unavailable", "nothing is written until the lease is renewed");
      this.counts.writes += 1;
    }
    const message = await this.#open(request, { over: "requests", again });
    const text = await readAll(message);
    const status = message.statusCode ?? 0;
    if (status >= 400) throw errorOfAnswer(status, text, message.headers["retry-after"]);
    return text === "" ? {} : JSON.parse(text);
  }

  /** The answer as it comes, for watches; throws a KubeError for a status of 400 and above. */
  async stream(request: KubeRequest): Promise<IncomingMessage> {
    this.counts.watches += 1;
    try {
      const message = await this.#open(request, { over: "watches", again: false });
      const status = message.statusCode ?? 0;
      if (status >= 400) throw errorOfAnswer(status, await readAll(message), message.headers["retry-after"]);
      return message;
    } catch (error) {
      throw KubeError.from(error);
    }
  }

  async #open(
    request: KubeRequest,
    options: { readonly over: keyof ConnectionPool; readonly again: boolean },
  ): Promise<IncomingMessage> {
    const credentials = await this.#access.credentials({ renew: options.again });
    if (request.signal.aborted) throw abortedBy(request.signal);
    const agent = this.#pools.of(credentials)[options.over];
    return new Promise((resolve, reject) => {
      const timeoutMs = request.timeoutMs ?? this.#timeoutMs;
      const sent = this.#client.request(this.#optionsOf(request, credentials, agent), (message) => {
        if (options.over === "watches") sent.setTimeout(0);
        resolve(message);
      });
      sent.setTimeout(timeoutMs, () =>
        sent.destroy(new KubeError("timeout", `no answer to ${request.method} ${request.path} in ${timeoutMs} ms`)),
      );
      sent.on("error", reject);
      this.#running.add(sent, request.signal);
      sent.end(request.body);
    });
  }

  #optionsOf(request: KubeRequest, credentials: KubeCredentials, agent: https.Agent | http.Agent): RequestOptions {
    const { authorization } = credentials;
    return {
      agent,
      method: request.method,
      ...this.#place,
      path: this.#basePath + request.path,
      headers: this.#headersOf(request, authorization),
    };
  }

  /** As names and values in turn, which go out as they are: headers in an object are checked and copied one by one. */
  #headersOf({ accept, user, body, contentType }: KubeRequest, authorization: string | undefined): string[] {
    const headers = ["host", this.#access.server.host, "accept", accept ?? "application/json"];
    headers.push("user-agent", "axle-agent");
    if (authorization !== undefined) headers.push("authorization", authorization);
    if (user !== undefined) headers.push("impersonate-user", user);
    if (body === undefined) return headers;
    headers.push("content-type", contentType ?? "application/json");
    headers.push("content-length", String(Buffer.byteLength(body)));
    return headers;
  }

  [Symbol.dispose](): void {
    this.#pools[Symbol.dispose]();
  }
}

function isWorthAnother(failure: KubeError, error: unknown, attempt: number): boolean {
  if (failure.code === "too-many-requests") return attempt < REFUSED_TRIES;
  if (failure.code === "unauthorized") return attempt < 2;
  return isClosedIdle(error) && attempt < 3;
}

/** A kept connection that the server closed as we wrote to it. All our requests may be sent twice. */
function isClosedIdle(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
}

function waitOf(failure: KubeError): number {
  return Math.min(LONGEST_RETRY_AFTER_MS, failure.retryAfterMs ?? 1_000) * (1 + Math.random() / 4);
}

/**
 * The whole answer. It may have been broken off before anybody listened: then nothing is said any more but that it is closed.
 * Leaves no listener that knows the text: a kept connection holds on to the first answer it brought, and that to its listeners.
 */
function readAll(message: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const brokenOff = () => reject(new KubeError("unavailable", "the API server's answer broke off"));
    if (message.destroyed && !message.readableEnded) {
      brokenOff();
      return;
    }
    const chunks: Buffer[] = [];
    const take = (chunk: Buffer) => chunks.push(chunk);
    message.on("data", take).on("error", reject).on("close", brokenOff);
    message.once("end", () => {
      message.off("data", take).off("error", reject).off("close", brokenOff).on("error", ignore);
      resolve(Buffer.concat(chunks).toString("utf8"));
    });
  });
}

function ignore(): void {}
