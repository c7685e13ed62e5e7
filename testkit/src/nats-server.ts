import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findTool } from "@axle/tools/locate-tool.ts";
import { type SupervisedProcess, spawnSupervised } from "@axle/tools/spawn-supervised.ts";
import { startNatsContainer } from "./nats-container.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "./temporary-directory.ts";
import { TestkitError } from "./testkit-error.ts";

export interface NatsServerOptions {
  /** Further lines of a nats-server configuration (accounts, resolver, limits, websocket, …). */
  readonly config?: string;
  /** File storage in a fresh directory that outlives `restart`; default true. */
  readonly jetstream?: boolean;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** What stands behind a `NatsServer`: a process, a container, or a server that somebody else runs. */
export interface NatsBackend extends AsyncDisposable {
  readonly url: string;
  readonly pid: number | undefined;
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  logs(): string;
}

/**
 * A NATS server of a test's own. `AXLE_TEST_NATS_URL` names one that runs already (it cannot be restarted);
 * `AXLE_TEST_NATS=container` starts it in a container; else it is the `nats-server` binary.
 */
export class NatsServer implements AsyncDisposable {
  readonly #backend: NatsBackend;

  private constructor(backend: NatsBackend) {
    this.#backend = backend;
  }

  /** @throws TestkitError or SupervisedProcessError with the server's last output when it does not start */
  static async start(options: NatsServerOptions = {}): Promise<NatsServer> {
    const env = options.env ?? process.env;
    const existing = env["AXLE_TEST_NATS_URL"];
    if (existing !== undefined && existing !== "") return new NatsServer(existingServer(existing));
    if (env["AXLE_TEST_NATS"] === "container") return new NatsServer(await startNatsContainer(options));
    return new NatsServer(await NatsProcess.create(options, env));
  }

  /** `nats://127.0.0.1:port`, the same after a restart. */
  get url(): string {
    return this.#backend.url;
  }

  /** Of the server process, for measurements and signals; undefined when it is not ours. */
  get pid(): number | undefined {
    return this.#backend.pid;
  }

  /** Ends it gracefully; `restart` brings it back. */
  async stop(): Promise<void> {
    await this.#backend.stop();
  }

  /** Ends it as `kill -9` does; `restart` brings it back. */
  async kill(): Promise<void> {
    await this.#backend.kill();
  }

  /** Stops it if it runs, and starts it on the same port and store. */
  async restart(): Promise<void> {
    await this.#backend.stop();
    await this.#backend.start();
  }

  logs(): string {
    return this.#backend.logs();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#backend[Symbol.asyncDispose]();
  }
}

class NatsProcess implements NatsBackend {
  readonly #binary: string;
  readonly #directory: TemporaryDirectory;
  readonly #options: NatsServerOptions;
  #process: SupervisedProcess | undefined;
  #port = -1;
  #earlierLogs = "";

  private constructor(binary: string, directory: TemporaryDirectory, options: NatsServerOptions) {
    this.#binary = binary;
    this.#directory = directory;
    this.#options = options;
  }

  static async create(options: NatsServerOptions, env: NonNullable<NatsServerOptions["env"]>): Promise<NatsProcess> {
    const { path } = await findTool("nats-server", { env });
    const directory = await createTemporaryDirectory("nats");
    const server = new NatsProcess(path, directory, options);
    try {
      await server.start();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  async start(): Promise<void> {
    const file = join(this.#directory.path, "nats.conf");
    await mkdir(join(this.#directory.path, "store"), { recursive: true });
    await writeFile(file, natsConfig(this.#options, this.#port, join(this.#directory.path, "store")));
    const server = await spawnSupervised(this.#binary, ["-c", file], { name: "nats-server" });
    this.#process = server;
    try {
      // With port -1 the system chooses, so no other process can be faster; after a restart it is the same again.
      const listening = await server.waitForLine(/Listening for client connections on .*:(\d+)/);
      await server.waitForLine(/Server is ready/);
      this.#port = Number(listening[1]);
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#forget();
  }

  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.exited;
    this.#forget();
  }

  logs(): string {
    return this.#earlierLogs + (this.#process?.logs.tail(500) ?? "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#directory[Symbol.asyncDispose]();
  }

  #forget(): void {
    if (this.#process === undefined) return;
    this.#earlierLogs = `${this.logs()}\n`.slice(-200_000);
    this.#process = undefined;
  }
}

function natsConfig(options: NatsServerOptions, port: number, store: string): string {
  const lines = [`host: "127.0.0.1"`, `port: ${port}`];
  if (options.jetstream !== false) lines.push(`jetstream { store_dir: ${JSON.stringify(store)} }`);
  return [...lines, options.config ?? "", ""].join("\n");
}

function existingServer(url: string): NatsBackend {
  const refuse = async (): Promise<void> => {
    throw new TestkitError(
      "not-owned",
      `the server at ${url} is not ours (AXLE_TEST_NATS_URL): it cannot be stopped or started`,
    );
  };
  return {
    url,
    pid: undefined,
    start: refuse,
    stop: refuse,
    kill: refuse,
    logs: () => "",
    async [Symbol.asyncDispose]() {
      // Somebody else runs it, and may go on doing so.
    },
  };
}
