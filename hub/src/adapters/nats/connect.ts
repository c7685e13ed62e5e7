import { connect, jwtAuthenticator } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { Backoff, retryUntilDone } from "@axle/runtime/backoff.ts";
import { race } from "@axle/runtime/deadline.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { HubConnection, REQUEST_TIMEOUT_MS } from "./hub-connection.ts";
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
      const login = identity.hubLogin();
      const nc = await openConnection(options, { login, name: "axle-hub" });
      try {
        await checkServer(nc, identity);
        return await HubConnection.over(nc, log);
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
  if ((await accountOf(nc)) !== identity.accountId) {
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
