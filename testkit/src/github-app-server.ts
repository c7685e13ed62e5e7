import { createPublicKey, generateKeyPairSync, randomBytes, verify } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

interface IssuedToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

/**
 * The part of GitHub's API that gives installation tokens: a route for `GitServer`. The app's JSON web token is checked as
 * GitHub checks it: RS256 with the app's public key, not from the future, ten minutes at most.
 */
export class GitHubAppServer {
  readonly appId: string;
  readonly installationId: number;
  readonly #tokens = new Map<string, IssuedToken>();
  #publicKey: string;
  /** Tokens given out so far. */
  issued = 0;
  /** How long new tokens hold. */
  tokenLifeMs = 3_600_000;
  privateKeyPem: string;

  constructor(options: { readonly appId: string; readonly installationId: number }) {
    this.appId = options.appId;
    this.installationId = options.installationId;
    const pair = createAppKey();
    this.#publicKey = pair.publicKey;
    this.privateKeyPem = pair.privateKey;
  }

  /** A new key for the app; the old one is no longer taken. */
  changeKey(): void {
    const pair = createAppKey();
    this.#publicKey = pair.publicKey;
    this.privateKeyPem = pair.privateKey;
  }

  /** No token given out so far is taken any more. */
  revokeAll(): void {
    this.#tokens.clear();
  }

  /** Whether an `authorization` header holds a token of ours that still counts. */
  accepts(authorization: string | undefined): boolean {
    const basic = Buffer.from(/^Basic (.+)$/.exec(authorization ?? "")?.[1] ?? "", "base64").toString();
    const token = this.#tokens.get(/^x-access-token:(.+)$/.exec(basic)?.[1] ?? "");
    return token !== undefined && token.expiresAtMs > Date.now();
  }

  readonly route = async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    const installation = /^\/api\/v3\/app\/installations\/(\d+)\/access_tokens$/.exec(request.url ?? "")?.[1];
    if (installation === undefined) return false;
    request.resume();
    const answer = (status: number, body: object): true => {
      response.writeHead(status, { "content-type": "application/json" }).write(JSON.stringify(body));
      return true;
    };
    const fault = this.#checkJwt(/^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "");
    if (request.method !== "POST") return answer(405, { message: "Method not allowed" });
    if (fault !== undefined) return answer(401, { message: fault });
    if (Number(installation) !== this.installationId) return answer(404, { message: "Not Found" });
    const token = `ghs_${randomBytes(18).toString("hex")}`;
    const expiresAtMs = Date.now() + this.tokenLifeMs;
    this.#tokens.set(token, { token, expiresAtMs });
    this.issued += 1;
    return answer(201, { token, expires_at: new Date(expiresAtMs).toISOString(), permissions: { contents: "read" } });
  };

  #checkJwt(jwt: string): string | undefined {
    const [header = "", claims = "", signature = ""] = jwt.split(".");
    const read = (part: string): Record<string, unknown> => {
      try {
        return JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>;
      } catch {
        return {};
      }
    };
    const proven = verify(
      "sha256",
      Buffer.from(`${header}.${claims}`),
      createPublicKey(this.#publicKey),
      Buffer.from(signature, "base64url"),
    );
    if (read(header)["alg"] !== "RS256" || !proven) return "A JSON web token could not be decoded";
    const { iat, exp, iss } = read(claims);
    const now = Date.now() / 1000;
    if (iss !== this.appId) return "'Issuer' claim ('iss') must be the app's id";
    if (Number(iat) > now) return "'Issued at' claim ('iat') must be an Integer representing a time in the past";
    if (!(Number(exp) > now && Number(exp) <= now + 600))
      return "'Expiration time' claim ('exp') is too far in the future";
    return undefined;
  }
}

function createAppKey(): { readonly publicKey: string; readonly privateKey: string } {
  return generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  });
}
