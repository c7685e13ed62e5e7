import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { TestkitError } from "./testkit-error.ts";

/** An answer of the API server that is not 2xx. */
export class KubeRequestError extends TestkitError {
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, message: string, body: unknown) {
    super("request-failed", message);
    this.status = status;
    this.body = body;
  }
}

export interface KubeEndpoint {
  readonly server: string;
  readonly caPem?: string;
  readonly token?: string;
}

/** A client just big enough to look at the state of a cluster, and to change it by hand, from a test. */
export class KubeRequester implements Disposable {
  readonly #endpoint: KubeEndpoint;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(endpoint: KubeEndpoint) {
    this.#endpoint = endpoint;
    const secure = endpoint.server.startsWith("https:");
    this.#agent = secure ? new HttpsAgent({ keepAlive: true, ca: endpoint.caPem }) : new HttpAgent({ keepAlive: true });
  }

  /**
   * One request; gives the parsed JSON, or the text when it is none. `T` is the caller's word for what it expects.
   * The body of a PATCH decides its kind: a string is server-side apply (YAML or JSON), an array a JSON patch, else a merge patch.
   * @throws KubeRequestError when the answer is not 2xx; TestkitError `request-failed` when there is none
   */
  async request<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const url = new URL(path, this.#endpoint.server);
    const payload = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
    const headers: Record<string, string> = { accept: "application/json" };
    if (this.#endpoint.token !== undefined) headers["authorization"] = `Bearer ${this.#endpoint.token}`;
    if (payload !== undefined) {
      headers["content-type"] = contentType(method, body);
      headers["content-length"] = String(Buffer.byteLength(payload));
    }
    const { status, text } = await this.#exchange(url, { method, headers, payload });
    const parsed = parse(text);
    if (status >= 200 && status < 300) return parsed as T;
    const reason = isRecord(parsed) && typeof parsed["message"] === "string" ? parsed["message"] : text.slice(0, 500);
    throw new KubeRequestError(status, `${method} ${path}: ${status} ${reason}`, parsed);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #exchange(
    url: URL,
    call: { method: string; headers: Record<string, string>; payload: string | undefined },
  ): Promise<{ status: number; text: string }> {
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    return await new Promise((resolve, reject) => {
      const fail = (cause: Error): void => {
        reject(new TestkitError("request-failed", `${call.method} ${url.pathname}: ${cause.message}`, { cause }));
      };
      const options = { method: call.method, headers: call.headers, agent: this.#agent, timeout: 30_000 };
      const request = send(url, options, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
        });
        response.once("error", fail);
        response.once("end", () => {
          resolve({ status: response.statusCode ?? 0, text });
        });
      });
      request.once("error", fail);
      request.once("timeout", () => {
        request.destroy(new Error("no answer for 30 s"));
      });
      request.end(call.payload);
    });
  }
}

function contentType(method: string, body: unknown): string {
  if (method !== "PATCH") return typeof body === "string" ? "application/yaml" : "application/json";
  if (typeof body === "string") return "application/apply-patch+yaml";
  return Array.isArray(body) ? "application/json-patch+json" : "application/merge-patch+json";
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
