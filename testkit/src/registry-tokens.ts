import { createPrivateKey, randomUUID, sign, X509Certificate } from "node:crypto";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { LoopbackCertificate } from "./loopback-certificate.ts";
import type { RegistryTokens } from "./oci-registry.ts";

export interface TokenServerOptions {
  readonly certificate: LoopbackCertificate;
  /** Who gets a token for everything; with others, only pulling is allowed, or nothing. */
  readonly username: string;
  readonly password: string;
  readonly anonymousPull?: boolean;
}

const SERVICE = "registry of tests";
const ISSUER = "token server of tests";

/** A token server as registries in the cloud have one, beside them and at another address. */
export class RegistryTokenServer implements AsyncDisposable {
  readonly #options: TokenServerOptions;
  readonly #server: Server;
  /** `Authorization` of every call, in order; "" for none. */
  readonly asked: string[] = [];

  private constructor(options: TokenServerOptions) {
    this.#options = options;
    const { certificatePem: cert, keyPem: key } = options.certificate;
    this.#server = createServer({ cert, key }, (request, response) => {
      const authorization = request.headers.authorization ?? "";
      this.asked.push(authorization);
      const scope = new URL(request.url ?? "/", "https://tokens").searchParams.get("scope") ?? "";
      const token = this.#tokenFor(authorization, scope);
      response.writeHead(token === undefined ? 401 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(token === undefined ? { errors: [] } : { token, expires_in: 300 }));
    });
  }

  static async start(options: TokenServerOptions): Promise<RegistryTokenServer> {
    const server = new RegistryTokenServer(options);
    await new Promise<void>((resolve, reject) => {
      server.#server.once("error", reject);
      server.#server.listen(0, "127.0.0.1", resolve);
    });
    return server;
  }

  /** `https://127.0.0.1:port/token` */
  get realm(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}/token`;
  }

  /** For the registry. */
  get tokens(): RegistryTokens {
    return { realm: this.realm, service: SERVICE, issuer: ISSUER, certificatePem: this.#options.certificate.caPem };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => void this.#server.close(resolve));
  }

  #tokenFor(authorization: string, scope: string): string | undefined {
    const { username, password, anonymousPull } = this.#options;
    const isOwner = authorization === `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
    if (authorization !== "" && !isOwner) return undefined;
    if (!isOwner && anonymousPull !== true) return undefined;
    const access = scope.split(" ").flatMap((text) => {
      const [, type, name, actions] = /^(\w+):(.+):([\w,*]+)$/.exec(text) ?? [];
      if (type === undefined || name === undefined || actions === undefined) return [];
      return [{ type, name, actions: isOwner ? actions.split(",") : ["pull"] }];
    });
    return this.#sign(access);
  }

  #sign(access: readonly unknown[]): string {
    const { certificatePem, keyPem } = this.#options.certificate;
    const nowSeconds = Math.floor(Date.now() / 1000);
    const chain = [new X509Certificate(certificatePem).raw.toString("base64")];
    const header = { typ: "JWT", alg: "ES256", x5c: chain };
    const claims = { iss: ISSUER, aud: SERVICE, sub: "", jti: randomUUID(), access };
    const times = { iat: nowSeconds, nbf: nowSeconds - 10, exp: nowSeconds + 300 };
    const body = [header, { ...claims, ...times }]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    const key = { key: createPrivateKey(keyPem), dsaEncoding: "ieee-p1363" } as const;
    return `${body}.${sign("sha256", Buffer.from(body), key).toString("base64url")}`;
  }
}
