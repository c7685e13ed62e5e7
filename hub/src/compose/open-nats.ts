import { join } from "node:path";
import { readFile } from "node:fs/promises";
import type { Logger } from "@axle/runtime/logger.ts";
import { runEarly } from "@axle/runtime/run-early.ts";
import type { Service } from "@axle/runtime/service.ts";
import { findTool } from "@axle/tools/locate-tool.ts";
import { NatsAccessRevoker } from "../adapters/nats/access-revoker.ts";
import { assertClaims } from "../adapters/nats/account-claims.ts";
import { AuditKeeper } from "../adapters/nats/audit-keeper.ts";
import { connectHub } from "../adapters/nats/connect.ts";
import type { HubConnection } from "../adapters/nats/hub-connection.ts";
import { EmbeddedServer } from "../adapters/nats/embedded-server.ts";
import { NatsIdentity } from "../adapters/nats/nats-identity.ts";
import type { SendSignal } from "../adapters/nats/stale-server.ts";
import { ensureStreams } from "../adapters/nats/streams.ts";
import type { HubConfig } from "../config.ts";
import type { HubKeys } from "../identity/hub-keys.ts";
import type { AccessRevoker } from "../join/ports.ts";

export interface OpenNatsOptions {
  readonly config: HubConfig;
  readonly keys: HubKeys;
  readonly listen: string;
  /** Name agents reach an embedded server by. */
  readonly advertised: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly sendSignal: SendSignal;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface OpenNats {
  readonly connection: HubConnection;
  readonly identity: NatsIdentity;
  /** What agents connect to. */
  readonly servers: readonly string[];
  readonly caPem: string;
  /** Cuts agents off. */
  readonly access: AccessRevoker;
  /** What keeps the record of who did what small, and the embedded server, if there is one. */
  readonly services: readonly Service[];
  /** The embedded server reads its certificate again. */
  readonly reload: () => void;
}

/** NATS as the hub uses it: its own server, or the ones it was given; connected, with its streams in place. */
export async function openNats(options: OpenNatsOptions): Promise<OpenNats> {
  const { config, keys, log, signal } = options;
  const identity = new NatsIdentity(keys.nats);
  const caPem = config.natsCa === undefined ? keys.ca.certificatePem : await readFile(config.natsCa, "utf8");
  const embedded = config.natsUrl.length > 0 ? undefined : await startEmbedded(options, identity);
  const servers = embedded?.servers ?? config.natsUrl;
  const connect = { servers: embedded?.ownServers ?? servers, identity, caPem, log, signal };
  if (embedded !== undefined) await embedded.service.guard(embedded.server.ready(signal));
  const connection = await connectHub(connect);
  await assertClaims(connect, {});
  const audit = { maxAgeMs: config.auditMaxAgeMs, maxBytes: config.auditMaxBytes };
  await ensureStreams(connection, { replicas: config.natsReplicas, audit, log, signal });
  const keeper = new AuditKeeper({ connection, limits: audit, log });
  const services = embedded === undefined ? [keeper] : [keeper, embedded.service];
  const access = new NatsAccessRevoker(connect);
  return { connection, identity, servers, caPem, access, services, reload: () => embedded?.server.reload() };
}

async function startEmbedded(options: OpenNatsOptions, identity: NatsIdentity) {
  const { config, keys, listen, advertised, env, sendSignal, log, signal } = options;
  const { path } = await findTool("nats-server", { env, signal });
  const server = new EmbeddedServer({
    identity,
    dataDir: join(config.data, "nats"),
    binary: path,
    host: listen,
    port: config.natsPort,
    webSocketPort: config.natsWebsocketPort,
    tls: { certFile: join(keys.folder.path, "server.crt"), keyFile: join(keys.folder.path, "server.key") },
    log,
    sendSignal,
  });
  const ports = await server.ports();
  const service = runEarly(server);
  const webSocket = ports.webSocketPort === undefined ? [] : [`wss://${advertised}:${ports.webSocketPort}`];
  return {
    server,
    service,
    servers: [`tls://${advertised}:${ports.port}`, ...webSocket],
    ownServers: [`tls://127.0.0.1:${ports.port}`],
  };
}
