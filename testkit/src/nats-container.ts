import { GenericContainer, type StartedTestContainer, Wait } from "testcontainers";
import type { NatsBackend, NatsServerOptions } from "./nats-server.ts";

const clientPort = 4222;
const image = "nats:2.15.2";

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
  const container = await new GenericContainer(env["AXLE_TEST_NATS_IMAGE"] ?? image)
    .withCopyContentToContainer([{ content: config, target: "/axle.conf" }])
    .withCommand(["-c", "/axle.conf"])
    .withExposedPorts(clientPort)
    .withWaitStrategy(Wait.forLogMessage(/Server is ready/))
    .start();
  return new NatsContainer(container);
}

class NatsContainer implements NatsBackend {
  readonly pid = undefined;
  readonly #container: StartedTestContainer;
  #port: number;
  #logs = "";

  constructor(container: StartedTestContainer) {
    this.#container = container;
    this.#port = container.getMappedPort(clientPort);
    void this.#follow();
  }

  get url(): string {
    return `nats://${this.#container.getHost()}:${this.#port}`;
  }

  async start(): Promise<void> {
    await this.#container.restart();
    this.#port = this.#container.getMappedPort(clientPort);
  }

  async stop(): Promise<void> {
    await this.#container.stop({ remove: false });
  }

  async kill(): Promise<void> {
    await this.#container.stop({ remove: false, timeout: 0 });
  }

  logs(): string {
    return this.#logs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#container.stop({ remove: true });
  }

  async #follow(): Promise<void> {
    const stream = await this.#container.logs();
    stream.on("data", (chunk: Buffer | string) => {
      this.#logs = `${this.#logs}${String(chunk)}`.slice(-200_000);
    });
  }
}
