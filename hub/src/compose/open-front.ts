import { randomUUID } from "node:crypto";
import type { Logger } from "@axle/runtime/logger.ts";
import type { Metrics } from "@axle/runtime/metrics.ts";
import type { Service } from "@axle/runtime/service.ts";
import { AuditTrail } from "../adapters/nats/audit-trail.ts";
import { registryStores } from "../adapters/nats/registry-stores.ts";
import { GrpcServer } from "../adapters/grpc/server.ts";
import { HttpServer } from "../adapters/http/server.ts";
import { FleetApi } from "../api/fleet-api.ts";
import type { HubConfig } from "../config.ts";
import { FleetDesk } from "../fleet-desk.ts";
import type { HubKeys } from "../identity/hub-keys.ts";
import { Admission } from "../join/admission.ts";
import { AgentCredentials } from "../join/agent-credentials.ts";
import { ClaimBook } from "../join/claim-book.ts";
import { DepartureKeeper } from "../join/departure-keeper.ts";
import { Departures } from "../join/departures.ts";
import { Registrar } from "../join/registrar.ts";
import { RenewalDesk } from "../join/renewal-desk.ts";
import { TokenDesk } from "../join/token-desk.ts";
import { ClusterDirectory } from "../sessions/cluster-directory.ts";
import { FleetView } from "../sessions/fleet-view.ts";
import { exposeSessionMetrics } from "../sessions/session-metrics.ts";
import { Sessions } from "../sessions/sessions.ts";
import { HUB_VERSION } from "../version.ts";
import type { OpenNats } from "./open-nats.ts";

export interface OpenFrontOptions {
  readonly config: HubConfig;
  readonly keys: HubKeys;
  readonly nats: OpenNats;
  /** As it may be shown. */
  readonly repositoryUrl: string;
  readonly listen: string;
  /** Name agents and people reach the hub by. */
  readonly advertised: string;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface OpenFront {
  readonly desk: FleetDesk;
  readonly directory: ClusterDirectory;
  readonly view: FleetView;
  readonly grpc: GrpcServer;
  readonly http: HttpServer;
  /** What must go on while the servers stop. */
  readonly services: readonly Service[];
}

/** All that agents and people meet: joining, sessions, the API, over gRPC and HTTP. */
export async function openFront(options: OpenFrontOptions): Promise<OpenFront> {
  const { config, keys, nats, repositoryUrl, listen, advertised, metrics, log, signal } = options;
  const now = Date.now;
  const { clusters, claims: claimStore, tokens, statuses } = registryStores(nats.connection);
  const audit = new AuditTrail(nats.connection);
  const directory = new ClusterDirectory({ clusters, log });
  const view = new FleetView({ statuses, now, log });
  await Promise.all([directory.hydrate(signal), view.hydrate(signal)]);

  // Agents join by the port the server got, which is known once it listens.
  let port = config.grpcPort;
  const address = () => `${advertised}:${port}`;
  const credentials = new AgentCredentials({
    ca: keys.ca,
    keySet: keys.keySet,
    sessionAddress: address,
    natsAccess: {
      async issue({ id, credentialsVoidMs }) {
        const expiresAtMs = now() + config.agentCredentialsMs;
        const creds = nats.identity.mintAgentUser(id, config.agentCredentialsMs, credentialsVoidMs);
        return { servers: nats.servers, caPem: nats.caPem, creds, expiresAtMs };
      },
    },
    now,
  });
  const tokenDesk = new TokenDesk({ tokens, hubAddress: address, ca: keys.ca, now });
  const claims = new ClaimBook({ claims: claimStore, clusters, now });
  const joining = { clusters, claims, credentials, audit, now, log };
  const desk = new FleetDesk({ url: repositoryUrl, branch: config.branch ?? "", newId: randomUUID });
  const hubVersion = HUB_VERSION;
  const { access, connection } = nats;
  const statusOf = (id: string) => view.statusOf(id);
  const departures = new Departures({ clusters, statusOf, access, audit, newId: randomUUID, now, log });
  const onReconnected = (listener: () => void) => connection.onReconnected(listener);
  const keeper = new DepartureKeeper({ directory, view, departures, claims, access, onReconnected, log });
  const slices = desk;
  const sessions = new Sessions({ view, directory, clusters, credentials, slices, departures, hubVersion, now, log });
  const admission = new Admission(joining);
  const about = { reader: desk, commands: desk, view, directory };
  const api = new FleetApi({ ...about, desk: tokenDesk, admission, departures, agents: sessions, audit, now });

  const shared = { host: listen, adminToken: keys.adminToken, api, log };
  const grpc = await GrpcServer.start({
    ...shared,
    port: config.grpcPort,
    caPem: keys.ca.certificatePem,
    tls: keys.server,
    registrar: new Registrar({ ...joining, desk: tokenDesk, tokens }),
    desk: new RenewalDesk(joining),
    sessions,
  });
  port = grpc.port;
  const http = await HttpServer.start({
    ...shared,
    port: config.httpPort,
    tls: config.httpPlain ? undefined : keys.server,
    hookSecret: keys.hookSecret,
    hooks: {
      branch: () => (desk.followsOthers() ? "" : (config.branch ?? "")),
      pushed: (atMs) => desk.poke("hook", atMs),
    },
    metrics,
    unready: () => (desk.fleet() === undefined ? ["no commit of the repository was read yet"] : []),
    now,
  });
  exposeSessionMetrics(metrics, { directory, view });
  return { desk, directory, view, grpc, http, services: [sessions, keeper, view, directory] };
}
