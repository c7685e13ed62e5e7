import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { spawnSupervised } from "@axle/tools/spawn-supervised.ts";
import type { SupervisedProcess } from "@axle/tools/spawn-supervised.ts";
import { writeFileAtomic } from "@axle/runtime/atomic-file.ts";
import { Backoff } from "@axle/runtime/backoff.ts";
import { race } from "@axle/runtime/deadline.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { SayOnce } from "@axle/runtime/say-once.ts";
import type { Service } from "@axle/runtime/service.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import { ListenError } from "../listen-error.ts";
import type { NatsIdentity } from "./nats-identity.ts";
import { renderServerConfig } from "./server-config.ts";
import { readGreeting } from "./server-greeting.ts";
import { isPortFree, settlePorts } from "./server-port.ts";
import type { ServerPorts } from "./server-port.ts";
import { endStaleServer } from "./stale-server.ts";
import type { SendSignal } from "./stale-server.ts";

export interface EmbeddedServerOptions {
  readonly identity: NatsIdentity;
  /** The server's own folder: configuration, streams, claims, pid file. */
  readonly dataDir: string;
  /** Path of the `nats-server` binary. */
  readonly binary: string;
  readonly host: string;
  /** 0: any free port, remembered in `dataDir`. */
  readonly port: number;
  /** Undefined: no WebSocket. */
  readonly webSocketPort?: number | undefined;
  /** PEM files; the certificate must be valid for the names clients use. */
  readonly tls: { readonly certFile: string; readonly keyFile: string };
  readonly log: Logger;
  /** How long a port may be taken before the server does not start for it. */
  readonly portPatienceMs?: number;
  /** `process.kill`. */
  readonly sendSignal: SendSignal;
}

/** A server that has run this long is healthy: the next failure starts the backoff anew. */
const HEALTHY_AFTER_MS = 10_000;
const STALE_END_MS = 15_000;
const CONFIG_FILE = "nats-server.conf";
const PID_FILE = "nats-server.pid";

/**
 * The hub's own nats-server: started with a configuration made from the hub's keys, started again when it ends. It dies
 * with the hub; one that did not is ended first. Its data outlives both.
 */
export class EmbeddedServer implements Service {
  readonly name = "nats-server";
  readonly #options: EmbeddedServerOptions;
  readonly #saying: SayOnce;
  #ports: Promise<ServerPorts> | undefined;
  #ready = Promise.withResolvers<void>();
  #process: SupervisedProcess | undefined;
  #hasRun = false;

  constructor(options: EmbeddedServerOptions) {
    this.#options = options;
    this.#saying = new SayOnce(options.log);
  }

  /** Where to listen, chosen once; the server need not run yet. */
  ports(): Promise<ServerPorts> {
    this.#ports ??= this.#settlePorts();
    return this.#ports;
  }

  /** Resolves when the server answers; after a restart, when it answers again. */
  ready(signal: AbortSignal): Promise<void> {
    return race(this.#ready.promise, signal);
  }

  /** Of the running server. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Makes the server read its certificate again. */
  reload(): void {
    this.#process?.kill("SIGHUP");
  }

  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ firstMs: 200, longestMs: 5_000 });
    while (!signal.aborted) {
      const startedMs = performance.now();
      try {
        await this.#runOnce(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ListenError && !this.#hasRun) throw error;
        if (performance.now() - startedMs > HEALTHY_AFTER_MS) backoff.reset();
        this.#saying.failed(error, "nats-server does not run, starting it again");
      }
      if (!signal.aborted) await sleep(backoff.nextMs(), signal).catch(() => undefined);
    }
  }

  /** A server of ours that an earlier hub left behind holds the port that is remembered: it goes first. */
  async #settlePorts(): Promise<ServerPorts> {
    const { dataDir, host, port, webSocketPort, log } = this.#options;
    await this.#endStale(AbortSignal.timeout(STALE_END_MS));
    return settlePorts({ file: join(dataDir, "ports.json"), host, port, webSocketPort, log });
  }

  #endStale(signal: AbortSignal): Promise<void> {
    const { dataDir, log, sendSignal } = this.#options;
    const configFile = join(dataDir, CONFIG_FILE);
    return endStaleServer({ pidFile: join(dataDir, PID_FILE), configFile, log, sendSignal }, signal);
  }

  /** Until the process ends, with an error, or the signal stops it. */
  async #runOnce(signal: AbortSignal): Promise<void> {
    const { dataDir, binary, log } = this.#options;
    const configFile = join(dataDir, CONFIG_FILE);
    const pidFile = join(dataDir, PID_FILE);
    await this.#endStale(signal);
    await this.#awaitPorts(signal);
    await this.#writeConfig(configFile, pidFile);
    await using server = await spawnSupervised(binary, ["--config", configFile], {
      name: "nats-server",
      logLines: 200,
    });
    this.#process = server;
    try {
      await server.waitForReady(() => this.#isAnswering(signal), { timeoutMs: 120_000, signal });
      this.#saying.recovered("nats-server runs again");
      log.info({ pid: server.pid, port: (await this.ports()).port }, "nats-server ready");
      this.#hasRun = true;
      this.#ready.resolve();
      const exit = await race(server.exited, signal);
      this.#ready = Promise.withResolvers<void>();
      throw new Error(`nats-server ended with ${exit.signal ?? `code ${exit.code}`}: ${server.logs.tail(5)}`);
    } finally {
      this.#process = undefined;
      await server.stop();
      await rm(pidFile, { force: true });
    }
  }

  /**
   * A port may be held for a moment yet by what ran before us. One that stays taken is somebody else's: at the first
   * start that is for a person to settle, later it is waited for. Throws ListenError.
   */
  async #awaitPorts(signal: AbortSignal): Promise<void> {
    const { host, portPatienceMs = 5_000 } = this.#options;
    const { port, webSocketPort } = await this.ports();
    const deadline = performance.now() + portPatienceMs;
    for (const wanted of [port, webSocketPort]) {
      while (wanted !== undefined && !(await isPortFree({ host, port: wanted }))) {
        if (performance.now() > deadline) {
          throw new ListenError("NATS", { host, port: wanted }, new Error("EADDRINUSE"));
        }
        await sleep(100, signal);
      }
    }
  }

  async #writeConfig(configFile: string, pidFile: string): Promise<void> {
    const { identity, dataDir, host, tls } = this.#options;
    const { port, webSocketPort } = await this.ports();
    await mkdir(join(dataDir, "claims"), { recursive: true, mode: 0o700 });
    const text = renderServerConfig(identity, {
      host,
      port,
      ...(webSocketPort === undefined ? {} : { webSocketPort }),
      tls,
      storeDir: dataDir,
      pidFile,
      serverName: this.#serverName(),
    });
    await writeFileAtomic(configFile, text);
  }

  /** Not just any server on that port: ours. */
  async #isAnswering(signal: AbortSignal): Promise<boolean> {
    const { port } = await this.ports();
    const greeting = await readGreeting({ host: probeHost(this.#options.host), port }, signal);
    return greeting.server_name === this.#serverName();
  }

  #serverName(): string {
    return `axle-${this.#options.identity.fleetId}`;
  }
}

/** An address to reach a listener of "all addresses" by. */
function probeHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
