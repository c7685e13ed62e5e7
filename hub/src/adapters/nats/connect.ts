import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import { connect, jwtAuthenticator } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { Backoff, retryUntilDone } from "@axle/runtime/backoff.ts";
import { race } from "@axle/runtime/deadline.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { NatsIdentity, NatsLogin } from "./nats-identity.ts";
import { StoreError } from "./store-error.ts";

export interface ConnectOptions {
  /** `tls://host:port`, one or more of one cluster. */
  readonly servers: readonly string[];
  readonly identity: NatsIdentity;
  /** CA the servers' certificates must come from; the system's roots when left out. */
  readonly caPem?: string | undefined;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** The hub's connection with its JetStream clients. Dispose drains it; idempotent. */
export interface HubConnection extends AsyncDisposable {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
}

/** How long one request to NATS may take. */
export const REQUEST_TIMEOUT_MS = 5_000;
/** First server with atomic batches. */
const OLDEST_SERVER = [2, 12] as const;

/**
 * Connects as the hub, waiting (and saying so once) until the server is there and accepts us; afterwards reconnects by
 * itself for ever. Rejects only with the signal's reason.
 */
export function connectHub(options: ConnectOptions): Promise<HubConnection> {
  const { servers, identity, log, signal } = options;
  const backoff = new Backoff({ firstMs: 100, longestMs: 15_000 });
  return retryUntilDone(
    async () => {
      const login = await identity.hubLogin();
      const nc = await openConnection(options, { login, name: "axle-hub" });
      try {
        await checkServer(nc, identity);
        const jsm = await jetstreamManager(nc, { timeout: REQUEST_TIMEOUT_MS });
        void logChanges(nc, log);
        return hubConnection(nc, jsm);
      } catch (error) {
        await nc.close();
        throw StoreError.from(error, `connecting to nats at ${servers.join(", ")}`);
      }
    },
    { signal, log, what: "connect to nats", backoff },
  );
}

/** A connection of any of our users. Throws {@link StoreError}. */
export async function openConnection(
  options: ConnectOptions,
  who: { readonly login: NatsLogin; readonly name: string },
): Promise<NatsConnection> {
  const { servers, caPem, signal } = options;
  const { jwt, seed } = who.login;
  const connecting = connect({
    servers: [...servers],
    name: who.name,
    authenticator: jwtAuthenticator(jwt, Buffer.from(seed, "ascii")),
    tls: caPem === undefined ? {} : { ca: caPem },
    timeout: REQUEST_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    reconnectJitter: 200,
    reconnectJitterTLS: 200,
    pingInterval: 10_000,
    maxPingOut: 2,
    // A server that restarts with other keys for a moment must not end the connection for good.
    ignoreAuthErrorAbort: true,
  });
  try {
    return await race(connecting, signal);
  } catch (error) {
    connecting.then((late) => late.close()).catch(() => undefined);
    if (signal.aborted) throw error;
    throw StoreError.from(error, `connecting to nats at ${servers.join(", ")}`);
  }
}

function hubConnection(nc: NatsConnection, jsm: JetStreamManager): HubConnection {
  return {
    nc,
    jsm,
    js: jetstream(nc, { timeout: REQUEST_TIMEOUT_MS }),
    async [Symbol.asyncDispose]() {
      if (nc.isClosed()) return;
      // A drain waits for the server; one that is away must not keep us from stopping.
      await Promise.race([nc.drain().catch(() => undefined), nc.closed()]);
      await nc.close();
    },
  };
}

/** A server without accounts lets everybody in and confines nobody: it must not be used. */
async function checkServer(nc: NatsConnection, identity: NatsIdentity): Promise<void> {
  const version = nc.info?.version ?? "";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor < OLDEST_SERVER[1])) {
    throw new StoreError(
      "no-jetstream",
      `the nats-server is ${version}, needed is ${OLDEST_SERVER.join(".")} or newer`,
    );
  }
  if (nc.info?.nonce === undefined || (await accountOf(nc)) !== identity.accountId) {
    throw new StoreError(
      "rejected",
      "the nats-server does not run in operator mode with this hub's account; give it the configuration that `axle nats-config` prints",
    );
  }
}

async function accountOf(nc: NatsConnection): Promise<string | undefined> {
  const answer = await nc.request("$SYS.REQ.USER.INFO", undefined, { timeout: REQUEST_TIMEOUT_MS });
  const info = answer.json<{ data?: { account?: unknown } }>();
  return typeof info.data?.account === "string" ? info.data.account : undefined;
}

async function logChanges(nc: NatsConnection, log: Logger): Promise<void> {
  for await (const status of nc.status()) {
    if (status.type === "disconnect") log.warn({ server: status.server }, "nats connection lost");
    else if (status.type === "reconnect") log.info({ server: status.server }, "nats connected again");
    else if (status.type === "error") log.warn({ error: status.error }, "nats connection reports an error");
  }
}
