import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createKubeIdentity } from "./kube-identity.ts";

/** What an API server asks about. */
export interface AdmissionRequest {
  readonly uid: string;
  readonly operation: string;
  readonly name: string;
  readonly dryRun: boolean;
  readonly userInfo: { readonly username: string };
  readonly object: { readonly [field: string]: unknown } | null;
}

/** `patch`: a JSON patch of the object; `hang`: no answer at all, until the caller gives up. */
export type AdmissionVerdict =
  | { readonly allowed: true; readonly patch?: readonly object[] }
  | { readonly allowed: false; readonly message: string }
  | "hang";

export interface WebhookOptions {
  readonly kind: "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration";
  readonly name: string;
  /** Only objects with these labels are asked about. */
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly timeoutSeconds?: number;
  /** Plural, of the core group in v1. */
  readonly resources: readonly string[];
}

/** A real admission webhook on loopback. A test decides what it says, request by request. */
export class WebhookServer implements AsyncDisposable {
  /** Asked for each request; by default everything is allowed. */
  judge: (request: AdmissionRequest) => AdmissionVerdict = () => ({ allowed: true });
  readonly #server: Server;
  readonly #caPem: string;

  private constructor(server: Server, caPem: string) {
    this.#server = server;
    this.#caPem = caPem;
    server.on("request", (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response));
  }

  static async start(): Promise<WebhookServer> {
    const { servingCertificatePem: cert, servingKeyPem: key, caPem } = await createKubeIdentity();
    const server = createServer({ cert, key });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", () => resolve());
    });
    return new WebhookServer(server, caPem);
  }

  /** What makes a cluster ask here about objects that are made or changed. */
  configuration(options: WebhookOptions): object {
    const { kind, name, matchLabels, resources, timeoutSeconds = 10 } = options;
    const { port } = this.#server.address() as AddressInfo;
    const caBundle = Buffer.from(this.#caPem).toString("base64");
    return {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind,
      metadata: { name },
      webhooks: [
        {
          name: `${name}.example.com`,
          failurePolicy: "Fail",
          sideEffects: "None",
          timeoutSeconds,
          admissionReviewVersions: ["v1"],
          clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle },
          objectSelector: { matchLabels },
          rules: [{ apiGroups: [""], apiVersions: ["v1"], resources, operations: ["CREATE", "UPDATE"] }],
        },
      ],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { request: asked } = JSON.parse(Buffer.concat(chunks).toString("utf8")) as { request: AdmissionRequest };
    const verdict = this.judge(asked);
    if (verdict === "hang") return;
    const patch =
      verdict.allowed && verdict.patch !== undefined
        ? { patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(verdict.patch)).toString("base64") }
        : {};
    const status = verdict.allowed ? {} : { status: { code: 403, message: verdict.message } };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(
      JSON.stringify({
        apiVersion: "admission.k8s.io/v1",
        kind: "AdmissionReview",
        response: { uid: asked.uid, allowed: verdict.allowed, ...patch, ...status },
      }),
    );
  }
}
