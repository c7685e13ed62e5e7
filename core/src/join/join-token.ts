import { decodeAscii, encodeAscii } from "./base64url.ts";

/** What a join token carries in clear: where the hub is, how to know it, and the credential. */
export interface JoinTokenContent {
  /** `host:port` of the hub's gRPC. */
  readonly hubAddress: string;
  /** SHA-256 of the CA certificate (DER), hex: what the agent pins. */
  readonly caFingerprint: string;
  readonly caPem: string;
  readonly id: string;
  /** The credential. Secret. */
  readonly secret: string;
}

const PREFIX = "axle1.";
const MAX_LENGTH = 16_384;

/** `axle1.` and the content as base64url JSON: one word that survives a shell and a YAML file. */
export function formatJoinToken(content: JoinTokenContent): string {
  const { hubAddress, caFingerprint, caPem, id, secret } = content;
  const json = JSON.stringify({ h: hubAddress, c: [caFingerprint, caPem], i: id, s: secret });
  return PREFIX + encodeAscii(escapeNonAscii(json));
}

/**
 * Inverse of {@link formatJoinToken}. On failure `problem` says what is wrong without repeating the token.
 * Whether the CA matches its fingerprint is the caller's check: core has no crypto.
 */
export function parseJoinToken(text: string): { content: JoinTokenContent } | { problem: string } {
  const token = text.trim();
  if (!token.startsWith(PREFIX)) {
    return { problem: `not a join token: it has to begin with "${PREFIX}"; \`axle token create\` prints one` };
  }
  if (token.length > MAX_LENGTH) return { problem: "not a join token: it is too long" };
  const json = decodeAscii(token.slice(PREFIX.length));
  const damaged = { problem: "the join token is damaged: was it copied whole, without line breaks?" };
  if (json === undefined) return damaged;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return damaged;
  }
  const content = contentOf(value);
  return content === undefined ? damaged : { content };
}

function contentOf(value: unknown): JoinTokenContent | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { h, c, i, s } = value as Record<string, unknown>;
  if (!Array.isArray(c)) return undefined;
  const [fingerprint, pem] = c as unknown[];
  const parts = [h, fingerprint, pem, i, s];
  if (!parts.every((part): part is string => typeof part === "string" && part !== "")) return undefined;
  const [hubAddress, caFingerprint, caPem, id, secret] = parts as [string, string, string, string, string];
  return { hubAddress, caFingerprint, caPem, id, secret };
}

function escapeNonAscii(json: string): string {
  return json.replace(/[\u0080-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
