import http from "node:http";
import https from "node:https";
import { createSecureContext } from "node:tls";
import type { KubeAccess, KubeCredentials } from "./kube-access.ts";

type Agent = http.Agent | https.Agent;

/** Kept connections of one identity: some for requests, the bound on what is asked at once, and one for each watch. */
export interface ConnectionPool {
  readonly requests: Agent;
  readonly watches: Agent;
}

type Identity = Pick<KubeCredentials, "cert" | "key">;

/** First probe of an idle connection; a half-open one is found in half a minute. */
const KEEP_ALIVE_MS = 15_000;

/**
 * Connections to one API server. All of an identity share one TLS context: given by certificates instead, each
 * connection would read and keep them again, and each request would compare them to find its connection.
 */
export class ConnectionPools implements Disposable {
  readonly #access: KubeAccess;
  readonly #connections: number;
  #current: (ConnectionPool & { readonly identity: Identity }) | undefined;
  /** Of earlier identities, while something still runs over them. */
  #retired: readonly Agent[] = [];

  constructor(access: KubeAccess, connections: number) {
    this.#access = access;
    this.#connections = connections;
  }

  /** Another certificate or key begins anew; what runs over the connections before is left to end. */
  of({ cert, key }: Identity): ConnectionPool {
    const held = this.#current;
    if (held !== undefined && held.identity.cert === cert && held.identity.key === key) return held;
    const identity = { ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
    const agentOf = this.#agentsFor(identity);
    const opened = { identity, requests: agentOf(this.#connections), watches: agentOf() };
    if (held !== undefined) {
      this.#retired = [...this.#retired, held.requests, held.watches].filter(isBusy);
      for (const agent of [held.requests, held.watches]) retire(agent);
    }
    this.#current = opened;
    return opened;
  }

  #agentsFor(identity: Identity): (maxSockets?: number) => Agent {
    const { server, ca, skipTlsVerify, tlsServerName } = this.#access;
    const kept = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, scheduling: "lifo" as const };
    const isPlain = server.protocol === "http:";
    if (isPlain) return (maxSockets = Number.POSITIVE_INFINITY) => new http.Agent({ ...kept, maxSockets });
    const tls = {
      secureContext: createSecureContext({ ...identity, ...(ca === undefined ? {} : { ca }) }),
      ...(skipTlsVerify ? { rejectUnauthorized: false } : {}),
      ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
    };
    return (maxSockets = Number.POSITIVE_INFINITY) => new https.Agent({ ...kept, ...tls, maxSockets });
  }

  [Symbol.dispose](): void {
    const current = this.#current === undefined ? [] : [this.#current.requests, this.#current.watches];
    for (const agent of [...this.#retired, ...current]) agent.destroy();
  }
}

function isBusy(agent: Agent): boolean {
  return Object.keys(agent.sockets).length > 0 || Object.keys(agent.requests).length > 0;
}

/** Keeps none of its connections once it is free. */
function retire(agent: Agent): void {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}
