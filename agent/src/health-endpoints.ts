import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { race } from "@axle/runtime/deadline.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { Metrics } from "@axle/runtime/metrics.ts";
import type { Service } from "@axle/runtime/service.ts";
import { agentMetrics } from "./agent-metrics.ts";
import type { Vitals } from "./vitals.ts";

export interface HealthEndpointsOptions {
  /** 0 for any free one. */
  readonly port: number;
  readonly host: string;
  readonly vitals: Vitals;
  readonly log: Logger;
}

/**
 * `/healthz`: the process answers. `/readyz`: it stands by, or works and has something to keep the cluster to; whether hub
 * and NATS are there does not matter, for without them it goes on. `/metrics`: Prometheus. Nothing here is secret.
 */
export class HealthEndpoints implements Service {
  readonly name = "health-endpoints";
  readonly #options: HealthEndpointsOptions;
  readonly #metrics: Metrics;

  constructor(options: HealthEndpointsOptions) {
    this.#options = options;
    this.#metrics = agentMetrics(options.vitals);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { host, port, log } = this.#options;
    const server = createServer((request, response) => {
      void this.#answer(request, response);
    });
    const broken = new Promise<never>((_, reject) => server.once("error", reject));
    server.listen(port, host, () => {
      log.info({ host, port: (server.address() as AddressInfo).port }, "health endpoints are up");
    });
    try {
      await race(broken, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (status: number, body: string, contentType = "text/plain; charset=utf-8") => {
      response.writeHead(status, { "content-type": contentType }).end(body);
    };
    const { work } = this.#options.vitals;
    switch (new URL(request.url ?? "/", "http://agent").pathname) {
      case "/healthz":
        return send(200, "ok\n");
      case "/readyz":
        if (work === undefined) return send(200, "standing by\n");
        return work.agent.current === undefined ? send(503, "no slice yet\n") : send(200, "ok\n");
      case "/metrics": {
        const { contentType, body } = await this.#metrics.text();
        return send(200, body, contentType);
      }
      default:
        return send(404, "not found\n");
    }
  }
}
