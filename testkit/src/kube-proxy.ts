import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";

/** What becomes of a request: an answer of our own, or the line breaks before or after the server did it. */
export type KubeFault =
  | { readonly type: "answer"; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly type: "cut"; readonly when: "before" | "after" };

export interface KubeCall {
  readonly method: string;
  /** With query. */
  readonly path: string;
}

export interface KubeProxyOptions {
  readonly server: string;
  readonly caPem: string;
  /** Asked for every request, watches included; undefined lets it pass. */
  readonly faultOf: (call: KubeCall) => KubeFault | undefined;
}

/**
 * Stands before an API server, speaks plain HTTP on loopback, and does to single requests what networks, load balancers
 * and overloaded servers do. A client keeps its own credentials.
 */
export class KubeProxy implements AsyncDisposable {
  readonly #options: KubeProxyOptions;
  readonly #server: Server;
  readonly #agent: Agent;

  private constructor(options: KubeProxyOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, ca: options.caPem });
    this.#server = createServer((incoming, response) => this.#handle(incoming, response));
  }

  static async start(options: KubeProxyOptions): Promise<KubeProxy> {
    const proxy = new KubeProxy(options);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }

  /** Breaks every open connection, watches too. */
  cutAll(): void {
    this.#server.closeAllConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cutAll();
    await closed;
    this.#agent.destroy();
  }

  #handle(incoming: IncomingMessage, response: ServerResponse): void {
    const { method = "GET", url = "/", headers } = incoming;
    const fault = this.#options.faultOf({ method, path: url });
    if (fault?.type === "answer") {
      incoming.resume();
      response.writeHead(fault.status, { "content-type": "application/json", ...fault.headers });
      const status = { kind: "Status", status: "Failure", code: fault.status, message: `injected ${fault.status}` };
      response.end(JSON.stringify(status));
      return;
    }
    if (fault?.type === "cut" && fault.when === "before") {
      incoming.socket.destroy();
      return;
    }
    const target = new URL(url, this.#options.server);
    const options = { method, headers: { ...headers, host: target.host }, agent: this.#agent };
    const passed = httpsRequest(target, options, (answer) => {
      if (fault !== undefined) {
        answer.resume();
        incoming.socket.destroy();
        return;
      }
      // At once: a watch is answered long before its first event.
      response.writeHead(answer.statusCode ?? 502, answer.headers).flushHeaders();
      answer.on("error", () => response.destroy());
      answer.pipe(response);
    });
    passed.on("error", () => incoming.socket.destroy());
    response.on("close", () => passed.destroy());
    incoming.on("error", () => passed.destroy());
    incoming.pipe(passed);
  }
}
