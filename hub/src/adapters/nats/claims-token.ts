import { createHash } from "node:crypto";
import type { Nkey } from "./nkey.ts";

/** What a NATS token says; `nats` depends on the type. */
export interface Claims {
  readonly name: string;
  /** Public key it is about. */
  readonly sub: string;
  /** Unix seconds. */
  readonly iat: number;
  readonly exp?: number;
  readonly nats: Readonly<Record<string, unknown>> & { readonly type: "operator" | "account" | "user" };
}

/** A signed token (a JWT as NATS has them). The same text for the same claims and signer. */
export function signClaims(claims: Claims, signer: Nkey): string {
  const body = { ...claims, nats: { ...claims.nats, version: 2 }, aud: "NATS", iss: signer.id };
  const jti = createHash("sha256").update(JSON.stringify(body)).digest("base64url");
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${part({ ...body, jti })}`;
  return `${text}.${Buffer.from(signer.sign(text)).toString("base64url")}`;
}

/** What a token says, its signature not checked; undefined when it is none. */
export function readClaims(token: string): Claims | undefined {
  try {
    return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) as Claims;
  } catch {
    return undefined;
  }
}

/** Token and seed as a `.creds` file, which every NATS client reads. Secret. */
export function formatCreds(token: string, user: Nkey): string {
  return [
    "-----BEGIN NATS USER JWT-----",
    token,
    "------END NATS USER JWT------",
    "",
    "-----BEGIN USER NKEY SEED-----",
    user.seed,
    "------END USER NKEY SEED------",
    "",
  ].join("\n");
}
