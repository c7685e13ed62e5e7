import type { NatsAccess } from "@axle/core/session/messages.ts";
import { Backoff } from "@axle/runtime/backoff.ts";
import { race } from "@axle/runtime/deadline.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { SayOnce } from "@axle/runtime/say-once.ts";
import type { Service } from "@axle/runtime/service.ts";
import { type Sleep, sleep as realSleep } from "@axle/runtime/sleep.ts";
import type { NatsConnection } from "@nats-io/transport-node";
import { SourceError, type SourceErrorCode } from "../../source-error.ts";
import { dial, type Way, waysOf } from "./dial.ts";
import { sourceErrorFrom } from "./nats-error.ts";

export interface NatsLinkOptions {
  /** Id of the cluster: names the connection and its inbox, as the permissions demand. */
  readonly cluster: string;
  readonly log: Logger;
  /** Called with each new connection before anybody else may use it. */
  readonly onConnected: (connection: NatsConnection) => void;
  readonly backoff?: Backoff;
  readonly sleep?: Sleep;
}

/**
 * One connection to NATS at a time, made anew whenever it is lost: each time with the newest access, because credentials
 * are renewed and servers move. The client's own reconnecting is off: it keeps the servers and the CA it was born with.
 */
export class NatsLink implements Service {
  readonly name = "nats-link";
  readonly #options: NatsLinkOptions;
  readonly #backoff: Backoff;
  readonly #sleep: Sleep;
  #access: NatsAccess;
  #connection: NatsConnection | undefined;
  #way: Way | undefined;
  #saidCode: SourceErrorCode | undefined;

  constructor(access: NatsAccess, options: NatsLinkOptions) {
    this.#access = access;
    this.#options = options;
    this.#backoff = options.backoff ?? new Backoff({ firstMs: 200, longestMs: 15_000 });
    this.#sleep = options.sleep ?? realSleep;
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** The connection in use. Throws {@link SourceError} `away` when there is none. */
  connection(): NatsConnection {
    if (this.#connection === undefined) throw new SourceError("away", "not connected to NATS");
    return this.#connection;
  }

  /** Takes effect at the next connect, which is now when servers or CA changed: new credentials alone disturb nothing. */
  renew(access: NatsAccess): void {
    const before = this.#access;
    this.#access = access;
    const hasMoved = before.caPem !== access.caPem || before.servers.join() !== access.servers.join();
    if (hasMoved) void this.#connection?.close();
  }

  async run(signal: AbortSignal): Promise<void> {
    const saying = new SayOnce(this.#options.log);
    while (!signal.aborted) {
      try {
        await this.#connectOnce(signal, saying);
      } catch (error) {
        if (signal.aborted) return;
        const failure = sourceErrorFrom(error, "connecting to NATS");
        if (failure.code !== this.#saidCode) saying.failed(failure, "nats is away, trying again until it answers");
        this.#saidCode = failure.code;
      }
      if (signal.aborted) return;
      try {
        await this.#sleep(this.#backoff.nextMs(), signal);
      } catch {
        // Only the signal ends the pause early, and the loop looks at it.
      }
    }
  }

  /** Connects, and returns when the connection is gone. */
  async #connectOnce(signal: AbortSignal, saying: SayOnce): Promise<void> {
    const connection = await this.#open(signal);
    this.#connection = connection;
    const closed = connection.closed();
    try {
      this.#options.onConnected(connection);
      await race(connection.flush(), signal);
      this.#backoff.reset();
      this.#saidCode = undefined;
      saying.recovered("nats is back");
      this.#options.log.info({ server: connection.getServer() }, "connected to nats");
      const reason = await race(closed, signal);
      this.#connection = undefined;
      if (reason instanceof Error) throw reason;
    } finally {
      this.#connection = undefined;
      await connection.close();
    }
  }

  /** Tries every way in turn; throws what the last one did. */
  async #open(signal: AbortSignal): Promise<NatsConnection> {
    let failure: unknown;
    for (const way of waysOf(this.#access, this.#way)) {
      const opening = dial(this.#access, way, this.#options.cluster);
      try {
        const connection = await race(opening, signal);
        this.#way = way;
        return connection;
      } catch (error) {
        failure = error;
        // Stopped while it connects: what still comes up is closed again.
        if (signal.aborted) void opening.then((late) => late.close()).catch(() => undefined);
        signal.throwIfAborted();
      }
    }
    throw failure ?? new SourceError("failed", "the hub named no NATS servers");
  }
}
