import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { race, withDeadline } from "@axle/runtime/deadline.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { StoreError } from "./store-error.ts";

/** How long one request to NATS may take. */
export const REQUEST_TIMEOUT_MS = 5_000;

/** What is being asked, for errors, and what ends the wait. */
export interface Ask {
  /** `reading axle.fleet`. */
  readonly what: string;
  readonly signal: AbortSignal;
}

/** The hub's connection with its JetStream clients; reconnects by itself. Dispose drains it; idempotent. */
export class HubConnection implements AsyncDisposable {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly js: JetStreamClient;
  readonly #log: Logger;
  /** Aborts when the connection is lost; then there is a new one. */
  #interruption = new AbortController();
  readonly #listeners = new Set<() => void>();
  /** While the connection is down. */
  #reconnected: PromiseWithResolvers<void> | undefined;

  private constructor(nc: NatsConnection, jsm: JetStreamManager, log: Logger) {
    this.nc = nc;
    this.jsm = jsm;
    this.js = jetstream(nc, { timeout: REQUEST_TIMEOUT_MS });
    this.#log = log;
  }

  /** Throws StoreError `no-jetstream` when the account has none. */
  static async over(nc: NatsConnection, log: Logger): Promise<HubConnection> {
    const connection = new HubConnection(nc, await jetstreamManager(nc, { timeout: REQUEST_TIMEOUT_MS }), log);
    void connection.#follow();
    return connection;
  }

  /**
   * Asks and waits for the answer. While the connection is down it first waits for the next one, for the client would
   * lose the question; when it goes down before the answer comes, it rejects at once (`unavailable`), for the client
   * would wait for nothing. Rejects with the signal's reason or a {@link StoreError}.
   */
  async ask<T>(question: () => Promise<T>, { what, signal }: Ask): Promise<T> {
    try {
      if (this.#reconnected !== undefined) await this.#untilReconnected(what, signal);
      return await race(race(question(), this.#interruption.signal), signal);
    } catch (error) {
      if (signal.aborted) throw error;
      throw StoreError.from(error, what);
    }
  }

  /** Told whenever there is a new connection, perhaps to servers that lost what they knew; returns what ends it. */
  onReconnected(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.nc.isClosed()) return;
    // A drain waits for the server; one that is away must not keep us from stopping.
    await Promise.race([this.nc.drain().catch(() => undefined), this.nc.closed()]);
    await this.nc.close();
  }

  async #untilReconnected(what: string, signal: AbortSignal): Promise<void> {
    const reconnected = this.#reconnected?.promise;
    if (reconnected === undefined) return;
    await withDeadline({ timeoutMs: REQUEST_TIMEOUT_MS, signal, what }, (deadline) =>
      race(reconnected, deadline),
    ).catch((cause: unknown) => {
      throw new StoreError("unavailable", `${what}: no connection to nats`, { cause });
    });
  }

  async #follow(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === "disconnect") {
        this.#log.warn({ server: status.server }, "nats connection lost");
        this.#interruption.abort(new StoreError("unavailable", "the connection to nats was lost"));
        this.#interruption = new AbortController();
        this.#reconnected ??= Promise.withResolvers();
      } else if (status.type === "reconnect") {
        this.#log.info({ server: status.server }, "nats connected again");
        this.#reconnected?.resolve();
        this.#reconnected = undefined;
        for (const listener of this.#listeners) listener();
      } else if (status.type === "error") {
        this.#log.warn({ error: status.error }, "nats connection reports an error");
      }
    }
  }
}
