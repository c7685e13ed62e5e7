import type { NatsAccess } from "@axle/core/session/messages.ts";
import { connect, credsAuthenticator, type NatsConnection, wsconnect } from "@nats-io/transport-node";
import type { WsConnectionOptions } from "@nats-io/transport-node";

/** How NATS is reached: plain TCP, or WebSocket where only port 443 gets out. */
export type Way = "tcp" | "websocket";

const CONNECT_TIMEOUT_MS = 10_000;
const PING_INTERVAL_MS = 20_000;

/** The ways the access offers, the one that worked last first. */
export function waysOf(access: NatsAccess, last: Way | undefined): readonly Way[] {
  const ways = [...new Set(access.servers.map(wayOf))].sort();
  return ways.sort((a, b) => Number(b === last) - Number(a === last));
}

/** One attempt, over the servers of one way. The client's own reconnecting is off. */
export async function dial(access: NatsAccess, way: Way, cluster: string): Promise<NatsConnection> {
  const { caPem } = access;
  const options = {
    servers: access.servers.filter((server) => wayOf(server) === way),
    name: `axle-agent ${cluster}`,
    inboxPrefix: `_INBOX_${cluster}`,
    authenticator: credsAuthenticator(new TextEncoder().encode(access.creds)),
    reconnect: false,
    timeout: CONNECT_TIMEOUT_MS,
    pingInterval: PING_INTERVAL_MS,
    noAsyncTraces: true,
    ignoreClusterUpdates: true,
  };
  if (way === "tcp") return connect({ ...options, ...(caPem === "" ? {} : { tls: { ca: caPem } }) });
  return wsconnect({ ...options, wsFactory: await webSocketFactory(caPem) });
}

/** Node's own WebSocket cannot be told a CA; the library that can is loaded only where it is needed. */
async function webSocketFactory(caPem: string): Promise<NonNullable<WsConnectionOptions["wsFactory"]>> {
  const { WebSocket } = await import("ws");
  return async (url) => {
    const socket = new WebSocket(url, { handshakeTimeout: CONNECT_TIMEOUT_MS, ...(caPem === "" ? {} : { ca: caPem }) });
    return { socket: socket as unknown as globalThis.WebSocket, encrypted: url.startsWith("wss:") };
  };
}

function wayOf(server: string): Way {
  return /^wss?:/.test(server) ? "websocket" : "tcp";
}
