import http from "node:http";
import https from "node:https";
import type { IncomingMessage, RequestOptions } from "node:http";
import { sleep as realSleep } from "@axle/runtime/sleep.ts";
import type { Sleep } from "@axle/runtime/sleep.ts";
import type { KubeAccess, KubeCredentials } from "./kube-access.ts";
import { KubeError, errorOfAnswer } from "./kube-error.ts";

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
/** First probe of an idle connection; a half-open one is found in half a minute. */
const KEEP_ALIVE_MS = 15_000;

/**
 * Requests over kept connections. A request the server refused to start (429) is sent again after the time it names, one
 * that met a connection the server had just closed is sent again at once; every other failure is the caller's to judge.
 */
export class HttpsTransport implements Disposable {
  readonly #access: KubeAccess;
  readonly #timeoutMs: number;
  readonly #mayWrite: () => boolean;
  readonly #sleep: Sleep;
  readonly #requests: https.Agent | http.Agent;
  readonly #watches: https.Agent | http.Agent;
  readonly #client: typeof https | typeof http;
  /** Sent so far, watches included: what tests and metrics count. */
  readonly counts = { requests: 0, watches: 0, writes: 0 };

  constructor(access: KubeAccess, options: TransportOptions = {}) {
    this.#access = access;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#mayWrite = options.mayWrite ?? (() => true);
    this.#sleep = options.sleep ?? realSleep;
    const isPlain = access.server.protocol === "http:";
    this.#client = isPlain ? http : https;
    const agent = (maxSockets: number) => {
      const kept = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, scheduling: "lifo" as const, maxSockets };
      return isPlain ? new http.Agent(kept) : new https.Agent(kept);
    };
    this.#requests = agent(options.connections ?? 16);
    this.#watches = agent(Number.POSITIVE_INFINITY);
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
    const message = await this.#open(request, { agent: this.#requests, again });
    const text = await readAll(message);
    const status = message.statusCode ?? 0;
    if (status >= 400) throw errorOfAnswer(status, text, message.headers["retry-after"]);
    return text === "" ? {} : JSON.parse(text);
  }

  /** The answer as it comes, for watches; throws a KubeError for a status of 400 and above. */
  async stream(request: KubeRequest): Promise<IncomingMessage> {
    this.counts.watches += 1;
    try {
      const message = await this.#open(request, { agent: this.#watches, again: false });
      const status = message.statusCode ?? 0;
      if (status >= 400) throw errorOfAnswer(status, await readAll(message), message.headers["retry-after"]);
      return message;
    } catch (error) {
      throw KubeError.from(error);
    }
  }

  async #open(
    request: KubeRequest,
    options: { readonly agent: https.Agent | http.Agent; readonly again: boolean },
  ): Promise<IncomingMessage> {
    const credentials = await this.#access.credentials({ renew: options.again });
    const isWatch = options.agent === this.#watches;
    return new Promise((resolve, reject) => {
      const timeoutMs = request.timeoutMs ?? this.#timeoutMs;
      const sent = this.#client.request(this.#optionsOf(request, credentials, options.agent), (message) => {
        if (isWatch) sent.setTimeout(0);
        resolve(message);
      });
      sent.setTimeout(timeoutMs, () =>
        sent.destroy(new KubeError("timeout", `no answer to ${request.method} ${request.path} in ${timeoutMs} ms`)),
      );
      sent.on("error", reject);
      sent.end(request.body);
    });
  }

  #optionsOf(request: KubeRequest, credentials: KubeCredentials, agent: https.Agent | http.Agent): RequestOptions {
    const { server, ca, skipTlsVerify, tlsServerName } = this.#access;
    const { authorization, cert, key } = credentials;
    const tls: https.RequestOptions = {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(skipTlsVerify ? { rejectUnauthorized: false } : {}),
      ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
    };
    return {
      agent,
      method: request.method,
      hostname: server.hostname.replace(/^\[|\]$/g, ""),
      port: server.port,
      path: `${server.pathname.replace(/\/$/, "")}${request.path}`,
      signal: request.signal,
      ...tls,
      headers: {
        accept: request.accept ?? "application/json",
        "user-agent": "axle-agent",
        ...(authorization === undefined ? {} : { authorization }),
        ...(request.user === undefined ? {} : { "impersonate-user": request.user }),
        ...(request.body === undefined
          ? {}
          : {
              "content-type": request.contentType ?? "application/json",
              "content-length": Buffer.byteLength(request.body),
            }),
      },
    };
  }

  [Symbol.dispose](): void {
    this.#requests.destroy();
    this.#watches.destroy();
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

function readAll(message: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    message.on("data", (chunk: Buffer) => chunks.push(chunk));
    message.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    message.on("error", reject);
  });
}
