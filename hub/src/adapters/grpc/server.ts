import { Server } from "@grpc/grpc-js";
import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Logger } from "@axle/runtime/logger.ts";
import type { Service } from "@axle/runtime/service.ts";
import { race, withDeadline } from "@axle/runtime/deadline.ts";
import type { FleetApi } from "../../api/fleet-api.ts";
import type { TlsPair } from "../../identity/server-certificate.ts";
import type { Registrar } from "../../join/registrar.ts";
import type { RenewalDesk } from "../../join/renewal-desk.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import { checkBearerToken } from "../bearer-token.ts";
import { ListenError } from "../listen-error.ts";
import { HubServerCredentials } from "./server-credentials.ts";
import { sessionHandler } from "./session-handler.ts";
import { unary } from "./unary.ts";
import {
  fromRegisterRequest,
  fromRenewRequest,
  RegistrationServiceService,
  SessionServiceService,
  toRegistered,
  toRegisterResponse,
} from "./wire.ts";
import type { RegistrationServiceServer, SessionServiceServer } from "./wire.ts";
import { FLEET_CALLS, FleetServiceService } from "./wire-fleet.ts";
import type { CallContext, FleetServiceServer } from "./wire-fleet.ts";

const GRACE_MS = 3_000;

export interface GrpcServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly caPem: string;
  readonly tls: TlsPair;
  readonly adminToken: string;
  readonly registrar: Registrar;
  readonly desk: RenewalDesk;
  readonly sessions: Sessions;
  readonly api: FleetApi;
  readonly log: Logger;
}

/**
 * The hub's gRPC, all on one TLS port: joining and people without a client certificate (a token is their credential),
 * sessions only with one.
 */
export class GrpcServer implements Service, AsyncDisposable {
  readonly name = "grpc";
  readonly port: number;
  readonly #server: Server;
  readonly #credentials: HubServerCredentials;

  readonly #sessions: Sessions;

  private constructor(given: { server: Server; credentials: HubServerCredentials; port: number; sessions: Sessions }) {
    this.#server = given.server;
    this.#credentials = given.credentials;
    this.#sessions = given.sessions;
    this.port = given.port;
  }

  /** Listens; throws {@link ListenError}. */
  static async start(options: GrpcServerOptions): Promise<GrpcServer> {
    const server = new Server({
      "grpc.keepalive_time_ms": 15_000,
      "grpc.keepalive_timeout_ms": 15_000,
      "grpc.max_receive_message_length": 8 * 1_024 * 1_024,
      "grpc.max_send_message_length": 64 * 1_024 * 1_024,
      "grpc.max_concurrent_streams": 128,
      "grpc.enable_channelz": 0,
    });
    addService(server, RegistrationServiceService, registrationService(options));
    addService(server, SessionServiceService, sessionService(options));
    addService(server, FleetServiceService, fleetService(options));
    const credentials = new HubServerCredentials(options.caPem, options.tls);
    const host = options.host.includes(":") ? `[${options.host}]` : options.host;
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`${host}:${options.port}`, credentials.credentials, (error, bound) => {
        if (error === null) resolve(bound);
        else reject(new ListenError("gRPC", options, error));
      });
    });
    return new GrpcServer({ server, credentials, port, sessions: options.sessions });
  }

  /** A renewed server certificate, for connections from now on. */
  useCertificate(pair: TlsPair): void {
    this.#credentials.useCertificate(pair);
  }

  /** Serves until stopped, then ends the sessions and lets calls end for a moment. */
  async run(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#server.tryShutdown(() => resolve());
    });
    this.#sessions.endAll();
    try {
      await withDeadline({ timeoutMs: GRACE_MS, what: "end calls" }, (signal) => race(ended, signal));
    } catch {
      this.#server.forceShutdown();
    }
  }
}

function registrationService({ registrar, desk, log }: GrpcServerOptions): RegistrationServiceServer {
  return {
    register: unary(log, async (request, { from, signal }) =>
      toRegisterResponse(await registrar.register(fromRegisterRequest(request), from, signal)),
    ),
    renew: unary(log, async (request, { from, signal }) => ({
      registered: toRegistered(await desk.renew(fromRenewRequest(request), from, signal)),
    })),
  };
}

function sessionService({ sessions, desk, caPem, log }: GrpcServerOptions): SessionServiceServer {
  return { connect: sessionHandler({ sessions, desk, caPem, log }) };
}

function fleetService({ api, adminToken, log }: GrpcServerOptions): FleetServiceServer {
  const method = <Request, Response>(call: (request: Request, context: CallContext) => Response | Promise<Response>) =>
    unary<Request, Response>(log, (request, { from, authorization, signal }) => {
      checkBearerToken(authorization, adminToken);
      return call(request, { api, actor: `admin from ${from}`, signal });
    });
  return {
    listClusters: method(FLEET_CALLS.listClusters),
    listApps: method(FLEET_CALLS.listApps),
    getStatus: method(FLEET_CALLS.getStatus),
    listTargets: method(FLEET_CALLS.listTargets),
    createToken: method(FLEET_CALLS.createToken),
    admitCluster: method(FLEET_CALLS.admitCluster),
    forgetCluster: method(FLEET_CALLS.forgetCluster),
    cancelForgetCluster: method(FLEET_CALLS.cancelForgetCluster),
    revokeCluster: method(FLEET_CALLS.revokeCluster),
    resumeCluster: method(FLEET_CALLS.resumeCluster),
    syncNow: method(FLEET_CALLS.syncNow),
    listPendingDeletions: method(FLEET_CALLS.listPendingDeletions),
    approveDeletion: method(FLEET_CALLS.approveDeletion),
    allowRewrite: method(FLEET_CALLS.allowRewrite),
    getFleet: method(FLEET_CALLS.getFleet),
    getTimeline: method(FLEET_CALLS.getTimeline),
  };
}

/** The generated definitions and the implementations are checked against each other above; grpc-js takes them untyped. */
function addService(server: Server, definition: ServiceDefinition, service: UntypedServiceImplementation): void {
  server.addService(definition, service);
}
