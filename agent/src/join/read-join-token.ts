import { X509Certificate } from "node:crypto";
import { type JoinTokenContent, parseJoinToken } from "@axle/core/join/join-token.ts";
import { sha256Hex } from "@axle/runtime/crypto/digests.ts";
import { JoinError } from "./join-error.ts";

/** The token's content, its CA checked against the pinned fingerprint. Throws {@link JoinError} `bad-token`. */
export function readJoinToken(token: string): JoinTokenContent {
  const parsed = parseJoinToken(token);
  if ("problem" in parsed) throw new JoinError("bad-token", parsed.problem);
  const { content } = parsed;
  let fingerprint: string;
  try {
    fingerprint = sha256Hex(new X509Certificate(content.caPem).raw);
  } catch (error) {
    throw new JoinError("bad-token", "the join token is damaged: it holds no CA certificate", { cause: error });
  }
  if (fingerprint !== content.caFingerprint.toLowerCase()) {
    throw new JoinError("bad-token", "the join token is damaged: its CA certificate is not the one it pins");
  }
  return content;
}
