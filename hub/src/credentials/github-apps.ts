import { createHash, sign, type KeyObject } from "node:crypto";
import { type AskHttp, type HttpAnswer, HttpError } from "./ask-http.ts";
import type { GitHubInstallation } from "./credential-entry.ts";
import { CredentialError } from "./credential-error.ts";
import { readSigningKey } from "./private-key.ts";

/** GitHub takes tokens of at most ten minutes, and clocks differ. */
const JWT_LIFE_S = 540;
const JWT_BACKDATE_S = 60;
/** A token this close to its end is not used any more: a fetch may take a while. */
const SPARE_MS = 5 * 60_000;

export interface GitHubApp extends GitHubInstallation {
  readonly privateKeyPem: string;
  /** Certificate authorities of the API's address. */
  readonly caPem: string | undefined;
  /** Address of the entry, for messages. */
  readonly from: string;
}

interface HeldToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

/** Installation tokens of GitHub Apps: fetched when first needed and kept until shortly before they expire. */
export class GitHubApps {
  readonly #ask: AskHttp;
  readonly #now: () => number;
  readonly #tokens = new Map<string, Promise<HeldToken>>();

  constructor(ask: AskHttp, now: () => number) {
    this.#ask = ask;
    this.#now = now;
  }

  /** Throws CredentialError `refused`, `unreachable` or `bad-key`. */
  async token(app: GitHubApp, signal: AbortSignal): Promise<string> {
    const key = keyOf(app);
    const held = this.#tokens.get(key);
    if (held !== undefined) {
      const found = await held.catch(() => undefined);
      if (found !== undefined && found.expiresAtMs - SPARE_MS > this.#now()) return found.token;
      if (this.#tokens.get(key) === held) this.#tokens.delete(key);
    }
    const started = this.#tokens.get(key) ?? this.#fetch(app, signal);
    this.#tokens.set(key, started);
    try {
      return (await started).token;
    } catch (error) {
      if (this.#tokens.get(key) === started) this.#tokens.delete(key);
      throw error;
    }
  }

  /** Drops a token a server refused: it may have been revoked. */
  forget(token: string): void {
    for (const [key, held] of this.#tokens) {
      void held.then(
        (found) => {
          if (found.token === token && this.#tokens.get(key) === held) this.#tokens.delete(key);
        },
        () => undefined,
      );
    }
  }

  async #fetch(app: GitHubApp, signal: AbortSignal): Promise<HeldToken> {
    const jwt = signAppToken(app.appId, readSigningKey(app.privateKeyPem, app.from), this.#now());
    let answer: HttpAnswer;
    try {
      answer = await this.#ask(
        {
          method: "POST",
          url: `${app.apiUrl}/app/installations/${app.installationId}/access_tokens`,
          headers: {
            authorization: `Bearer ${jwt}`,
            accept: "application/vnd.github+json",
            "content-type": "application/json",
            "user-agent": "axle-hub",
            "x-github-api-version": "2022-11-28",
          },
          body: "{}",
          caPem: app.caPem,
          maxBytes: 1024 ** 2,
        },
        signal,
      );
    } catch (cause) {
      if (!(cause instanceof HttpError)) throw cause;
      throw new CredentialError("unreachable", `no token for the GitHub App for ${app.from}: ${cause.message}`, {
        cause,
      });
    }
    return readToken(answer, app);
  }
}

/** The JSON web token an app proves itself with, RS256. */
export function signAppToken(appId: string, key: KeyObject, nowMs: number): string {
  const now = Math.floor(nowMs / 1000);
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { iat: now - JWT_BACKDATE_S, exp: now + JWT_LIFE_S, iss: appId };
  const signed = `${part({ alg: "RS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
}

function readToken(answer: HttpAnswer, app: GitHubApp): HeldToken {
  const body = parse(answer.body);
  const expiresAtMs = Date.parse(typeof body["expires_at"] === "string" ? body["expires_at"] : "");
  const { token } = body;
  if (answer.status === 201 && typeof token === "string" && Number.isFinite(expiresAtMs)) return { token, expiresAtMs };
  const said =
    typeof body["message"] === "string" ? ` (${body["message"].replaceAll(/\p{Cc}/gu, " ").slice(0, 200)})` : "";
  const doing = `no token for the GitHub App for ${app.from}: ${new URL(app.apiUrl).host} answers ${answer.status}${said}`;
  if (answer.status >= 500 || answer.status === 429) throw new CredentialError("unreachable", doing);
  throw new CredentialError("refused", `${doing}; check appId, installationId, the private key and the hub's clock`);
}

function parse(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function keyOf(app: GitHubApp): string {
  const key = createHash("sha256").update(app.privateKeyPem).digest("hex");
  return [app.apiUrl, app.appId, app.installationId, key].join(" ");
}
