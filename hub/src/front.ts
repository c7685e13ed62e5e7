import type { Logger } from "@axle/runtime/logger.ts";
import type { Metrics } from "@axle/runtime/metrics.ts";
import type { Service } from "@axle/runtime/service.ts";
import { GrpcServer } from "./adapters/grpc/server.ts";
import { HttpServer } from "./adapters/http/server.ts";
import { FleetApi } from "./api/fleet-api.ts";
import type { FleetCommands, FleetReader } from "./api/ports.ts";
import type { HubKeys } from "./identity/hub-keys.ts";
import { ServerCertificateRenewal } from "./identity/server-certificate-renewal.ts";
import { Admission } from "./join/admission.ts";
import { AgentCredentials } from "./join/agent-credentials.ts";
import type { AuditLog, NatsAccessIssuer } from "./join/ports.ts";
import { Registrar } from "./join/registrar.ts";
import { RenewalDesk } from "./join/renewal-desk.ts";
import { TokenDesk } from "./join/token-desk.ts";
import type { Registry } from "./registry.ts";
import { exposeSessionMetrics } from "./sessions/session-metrics.ts";
import { Sessions } from "./sessions/sessions.ts";

export interface FrontOptions {
  readonly registry: Registry;
  readonly keys: HubKeys;
  readonly natsAccess: NatsAccessIssuer;
  readonly audit: AuditLog;
  readonly reader: FleetReader;
  readonly commands: FleetCommands;
  /** Address to listen on. */
  readonly host: string;
  /** 0 takes any free one. */
  readonly grpcPort: number;
  readonly httpPort: number;
  /** Plain HTTP instead of TLS; gRPC always has TLS. */
  readonly httpPlain: boolean;
  /** Name or address that goes into join tokens; agents reach gRPC by it. */
  readonly advertisedHost: string;
  /** What the server certificate is for: all advertised hosts. */
  readonly hosts: readonly string[];
  readonly hubVersion: string;
  readonly metrics: Metrics;
  /** What keeps the hub from serving, in words; empty when it is ready. */
  readonly unready: () => readonly string[];
  readonly now: () => number;
  readonly log: Logger;
}

/** What agents and people meet: it listens from here on, and serves while its services run. */
export interface Front {
  /** `host:port` of gRPC, as in join tokens and the client file. */
  readonly grpcAddress: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly api: FleetApi;
  readonly sessions: Sessions;
  /** In the order to stop them in: sessions end before the servers do. */
  readonly services: readonly Service[];
}

/** Puts the front together and listens. Throws ListenError. */
export async function openFront(options: FrontOptions): Promise<Front> {
  const { registry, keys, reader, commands, audit, host, now, log } = options;
  const { clusters, tokens, claims, directory, view } = registry;
  let grpcPort = options.grpcPort;
  const address = () => formatAddress(options.advertisedHost, grpcPort);
  const desk = new TokenDesk({ tokens, ca: keys.ca, hubAddress: address, now });
  const credentials = new AgentCredentials({
    ca: keys.ca,
    keySet: keys.keySet,
    natsAccess: options.natsAccess,
    sessionAddress: address,
    now,
  });
  const shared = { clusters, claims, credentials, audit, now, log };
  const sessions = new Sessions({
    view,
    directory,
    clusters,
    credentials,
    slices: reader,
    hubVersion: options.hubVersion,
    now,
    log,
  });
  const admission = new Admission(shared);
  const api = new FleetApi({ reader, commands, view, directory, desk, admission, audit, now });
  const grpc = await GrpcServer.start({
    host,
    port: options.grpcPort,
    caPem: keys.ca.certificatePem,
    tls: keys.server,
    adminToken: keys.adminToken,
    registrar: new Registrar({ ...shared, desk, tokens }),
    desk: new RenewalDesk(shared),
    sessions,
    api,
    log,
  });
  grpcPort = grpc.port;
  const http = await HttpServer.start({
    host,
    port: options.httpPort,
    tls: options.httpPlain ? undefined : keys.server,
    adminToken: keys.adminToken,
    hookSecret: keys.hookSecret,
    api,
    hooks: {
      branch: () => reader.repository().branch,
      pushed: (atMs) => commands.poke("hook", atMs),
    },
    metrics: options.metrics,
    unready: options.unready,
    now,
    log,
  });
  exposeSessionMetrics(options.metrics, { directory, view });
  const renewal = new ServerCertificateRenewal({
    keys,
    hosts: options.hosts,
    now,
    log,
    onRenewed: (pair) => {
      grpc.useCertificate(pair);
      if (!options.httpPlain) http.useCertificate(pair);
    },
  });
  return {
    grpcAddress: address(),
    grpcPort: grpc.port,
    httpPort: http.port,
    api,
    sessions,
    services: [sessions, grpc, http, renewal],
  };
}

function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
