import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** What a connection meets: `pass` through, `stall` (open but silent, as behind a dead link), `refuse`. */
export type FaultMode = "pass" | "stall" | "refuse";

export interface FaultProxyOptions {
  readonly targetHost?: string;
  /** Added to every piece of data, in each direction. */
  readonly delayMs?: number;
}

/**
 * A TCP proxy on loopback that stands between a client and a server and breaks the line on demand. Its own port stays the
 * same throughout, so a client can come back to it.
 */
export class FaultProxy implements AsyncDisposable {
  readonly #targetPort: number;
  readonly #targetHost: string;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #port = 0;
  #mode: FaultMode = "pass";
  #delayMs: number;
  #accepted = 0;

  private constructor(targetPort: number, options: FaultProxyOptions) {
    this.#targetPort = targetPort;
    this.#targetHost = options.targetHost ?? "127.0.0.1";
    this.#delayMs = options.delayMs ?? 0;
    this.#server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (client) => {
      this.#accept(client);
    });
  }

  static async start(targetPort: number, options: FaultProxyOptions = {}): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort, options);
    await proxy.#listen();
    return proxy;
  }

  /** Where clients connect, on 127.0.0.1. */
  get port(): number {
    return this.#port;
  }

  get mode(): FaultMode {
    return this.#mode;
  }

  /** How many connections have come in so far, and how many are open. */
  get connections(): { accepted: number; open: number } {
    return { accepted: this.#accepted, open: this.#pairs.size };
  }

  /** Resets every open connection; new ones pass. */
  cut(): void {
    for (const pair of this.#pairs) pair.reset();
  }

  /** Resets every open connection, and refuses new ones until `resume`: nobody listens on the port. */
  async refuse(): Promise<void> {
    this.#mode = "refuse";
    const closed = this.#close();
    this.cut();
    await closed;
  }

  /** Keeps connections open but lets nothing through, in either direction, until `resume`: a dead link tells nobody. */
  stall(): void {
    this.#mode = "stall";
    for (const pair of this.#pairs) pair.pause();
  }

  /** Adds a delay to everything from now on; 0 takes it away. */
  delay(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** Undoes `refuse` and `stall`; what stalled goes on its way. */
  async resume(): Promise<void> {
    this.#mode = "pass";
    if (!this.#server.listening) await this.#listen();
    for (const pair of this.#pairs) pair.flow();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#close();
    this.cut();
    await closed;
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    const target = connect({ host: this.#targetHost, port: this.#targetPort, allowHalfOpen: true, noDelay: true });
    const pair = new Pair(client.setNoDelay(true), target, () => this.#delayMs);
    this.#pairs.add(pair);
    pair.onClose(() => this.#pairs.delete(pair));
    if (this.#mode === "pass") pair.flow();
  }

  async #listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#port, "127.0.0.1", () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async #close(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }
}

/** One client's connection and ours to the target. */
class Pair {
  readonly #ends: readonly [Socket, Socket];
  readonly #delayMs: () => number;

  constructor(client: Socket, target: Socket, delayMs: () => number) {
    this.#ends = [client, target];
    this.#delayMs = delayMs;
    target.pause();
    this.#forward(client, target);
    this.#forward(target, client);
    client.pause();
    target.pause();
  }

  onClose(listener: () => void): void {
    for (const end of this.#ends) end.once("close", listener);
  }

  flow(): void {
    for (const end of this.#ends) end.resume();
  }

  pause(): void {
    for (const end of this.#ends) end.pause();
  }

  reset(): void {
    for (const end of this.#ends) end.resetAndDestroy();
  }

  #forward(from: Socket, to: Socket): void {
    // After what was delayed before it; setTimeout keeps the order of equal delays only.
    let last = Promise.resolve();
    const inOrder = (act: () => void): void => {
      const delayMs = this.#delayMs();
      const ripe = delayMs > 0 ? new Promise<void>((resolve) => void setTimeout(resolve, delayMs)) : undefined;
      last = last.then(async () => {
        await ripe;
        act();
      });
    };
    from.on("data", (chunk) => {
      inOrder(() => {
        if (!to.destroyed) to.write(chunk);
      });
    });
    from.once("end", () => {
      inOrder(() => to.end());
    });
    from.on("error", () => to.destroy());
    from.once("close", () => {
      // A reset on one side is one on the other; an orderly end has been passed on already.
      if (!from.readableEnded) to.destroy();
    });
  }
}
