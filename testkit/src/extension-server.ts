import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Cluster } from "./cluster.ts";
import { eventually } from "./eventually.ts";
import { ExtensionApi, type ExtensionKind } from "./extension-api.ts";
import { createKubeIdentity, type KubeIdentity } from "./kube-identity.ts";

interface ApiService {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/**
 * A real extension API server on loopback: a cluster's API server passes requests for its group on to it, once it is
 * registered. A Service of type ExternalName leads there, because endpoints may not be loopback addresses.
 */
export class ExtensionServer implements AsyncDisposable {
  readonly api: ExtensionApi;
  readonly #kind: ExtensionKind;
  readonly #identity: KubeIdentity;
  readonly #requests: string[] = [];
  #server: Server | undefined;
  #port = 0;

  private constructor(kind: ExtensionKind, identity: KubeIdentity) {
    this.#kind = kind;
    this.#identity = identity;
    this.api = new ExtensionApi(kind);
  }

  static async start(kind: ExtensionKind): Promise<ExtensionServer> {
    const server = new ExtensionServer(kind, await createKubeIdentity());
    await server.resume();
    return server;
  }

  /** `METHOD path?query` of what it was asked so far. */
  get requests(): readonly string[] {
    return this.#requests;
  }

  /** Makes the cluster serve the group from here. Resolves when the cluster says that it does. */
  async register(cluster: Cluster): Promise<void> {
    const { group, version } = this.#kind;
    const name = group.replaceAll(".", "-");
    await cluster.request("POST", "/api/v1/namespaces/default/services", {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name },
      spec: { type: "ExternalName", externalName: "localhost" },
    });
    await cluster.request("POST", "/apis/apiregistration.k8s.io/v1/apiservices", {
      apiVersion: "apiregistration.k8s.io/v1",
      kind: "APIService",
      metadata: { name: `${version}.${group}` },
      spec: {
        group,
        version,
        groupPriorityMinimum: 1000,
        versionPriority: 15,
        service: { namespace: "default", name, port: this.#port },
        insecureSkipTLSVerify: true,
      },
    });
    await eventually(() => this.isAvailable(cluster), { timeoutMs: 60_000, what: "the aggregated API" });
  }

  /** Whether the cluster's API server can reach it, by its own word. */
  async isAvailable(cluster: Cluster): Promise<boolean> {
    const path = `/apis/apiregistration.k8s.io/v1/apiservices/${this.#kind.version}.${this.#kind.group}`;
    const { status } = await cluster.request<ApiService>("GET", path);
    return status?.conditions?.find(({ type }) => type === "Available")?.status === "True";
  }

  /** Goes away: nobody listens on its port until `resume`. Its objects stay. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  async resume(): Promise<void> {
    const { servingCertificatePem: cert, servingKeyPem: key } = this.#identity;
    const server = createServer({ cert, key }, (request, response) => this.#serve(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      // Whichever address of loopback the name leads to.
      server.listen(this.#port, () => resolve());
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "GET", url = "/" } = request;
      this.#requests.push(`${method} ${url}`);
      const { pathname, searchParams } = new URL(url, "https://localhost");
      const text = Buffer.concat(chunks).toString("utf8");
      const isJson = request.headers["content-type"]?.includes("json") === true && text !== "";
      const asked = {
        method,
        path: pathname,
        query: searchParams,
        body: isJson ? (JSON.parse(text) as unknown) : text,
      };
      const { status, body } = this.api.answer(asked);
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    });
  }
}
