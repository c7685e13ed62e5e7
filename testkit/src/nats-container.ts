import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { GenericContainer, getContainerRuntimeClient, type StartedTestContainer, Wait } from "testcontainers";
import { eventually } from "./eventually.ts";
import { withFreePort } from "./free-port.ts";
import type { NatsBackend, NatsServerOptions } from "./nats-server.ts";
import { TestkitError } from "./testkit-error.ts";

const clientPort = 4222;
const image = "nats:2.15.2";
const logChars = 200_000;

/**
 * A NATS server in a container (`AXLE_TEST_NATS_IMAGE` names another image whose entry point is `nats-server`).
 * Its store lives in the container, so it outlives a restart but not the test.
 */
export async function startNatsContainer(options: NatsServerOptions): Promise<NatsBackend> {
  const env = options.env ?? process.env;
  const config = [
    `port: ${clientPort}`,
    ...(options.jetstream === false ? [] : [`jetstream { store_dir: "/data" }`]),
    options.config ?? "",
    "",
  ].join("\n");
  // A host port that is named stays the same when the container is started again; one that Docker chooses does not.
  return await withFreePort(async (port) => {
    const name = `axle-test-${process.pid}-${randomUUID()}`;
    let written = "";
    const starting = new GenericContainer(env["AXLE_TEST_NATS_IMAGE"] ?? image)
      .withName(name)
      .withLogConsumer((stream) => stream.on("data", (chunk: Buffer | string) => (written += String(chunk))))
      .withCopyContentToContainer([{ content: config, target: "/axle.conf" }])
      .withCommand(["-c", "/axle.conf"])
      .withExposedPorts({ container: clientPort, host: port })
      .withWaitStrategy(Wait.forLogMessage(/Server is ready/))
      .start();
    const container = await starting.catch(async (cause: unknown) => {
      const message = `nats-server did not start in a container: ${String(cause)}\n${(await removeFailed(name)) ?? written}`;
      throw new TestkitError("start-failed", message, { cause });
    });
    const backend = new NatsContainer(container);
    await backend.followLogs();
    return backend;
  });
}

/**
 * Removes what is left of a container that did not start, and gives what it wrote; undefined when testcontainers has removed
 * it already, which it does after some failures and not after others.
 */
async function removeFailed(name: string): Promise<string | undefined> {
  const { container: client } = await getContainerRuntimeClient();
  const container = client.getById(name);
  try {
    const logs = await container.logs({ stdout: true, stderr: true, follow: false });
    await client.remove(container, { removeVolumes: true });
    // Each piece is preceded by eight bytes that say how long it is and which stream it is of.
    return logs.toString().replaceAll(/[^\t\n\x20-\x7E]/g, "");
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw error;
  }
}

/** After the start it talks to Docker itself: a `StartedTestContainer` can be stopped only once. */
class NatsContainer implements NatsBackend {
  readonly pid = undefined;
  readonly url: string;
  readonly #container: StartedTestContainer;
  #logs = "";

  constructor(container: StartedTestContainer) {
    this.#container = container;
    this.url = `nats://${container.getHost()}:${container.getMappedPort(clientPort)}`;
  }

  async followLogs(): Promise<void> {
    const stream = await this.#container.logs();
    stream.on("data", (chunk: Buffer | string) => {
      this.#logs = `${this.#logs}${String(chunk)}`.slice(-logChars);
    });
  }

  async start(): Promise<void> {
    const { client, container } = await this.#runtime();
    await client.start(container);
    await eventually(async () => await this.#greets(), { timeoutMs: 30_000, what: "the server's greeting" });
    await this.followLogs();
  }

  async stop(): Promise<void> {
    const { client, container } = await this.#runtime();
    await client.stop(container, { timeout: 10 });
  }

  async kill(): Promise<void> {
    const { container } = await this.#runtime();
    await container.kill({ signal: "SIGKILL" });
    await container.wait();
  }

  logs(): string {
    return this.#logs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#container.stop({ remove: true, removeVolumes: true });
  }

  async #runtime() {
    const { container: client } = await getContainerRuntimeClient();
    return { client, container: client.getById(this.#container.getId()) };
  }

  /** Docker takes connections before the server is up, so only the server's own first words count. */
  async #greets(): Promise<boolean> {
    const { hostname, port } = new URL(this.url);
    return await new Promise((resolve) => {
      const socket = connect({ host: hostname, port: Number(port) });
      const done = (greeted: boolean): void => {
        socket.destroy();
        resolve(greeted);
      };
      socket.once("data", (data) => {
        done(data.toString().startsWith("INFO "));
      });
      for (const event of ["error", "close"]) {
        socket.once(event, () => {
          done(false);
        });
      }
    });
  }
}
