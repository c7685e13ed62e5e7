import { randomBytes } from "node:crypto";
import { FACT_PREFIX, labelKeyFault, labelValueFault } from "@axle/core/fleet/label-syntax.ts";
import { formatJoinToken, parseJoinToken } from "@axle/core/join/join-token.ts";
import { isExactName, isNamePattern } from "@axle/core/join/name-pattern.ts";
import { equalSecrets, sha256Hex } from "@axle/runtime/crypto/digests.ts";
import { CallError } from "../api/call-error.ts";
import type { JoinToken, KeyedStore, Versioned } from "../registry-ports.ts";
import { newId } from "./new-id.ts";

const DEFAULT_TTL_MS = 24 * 60 * 60_000;
const MAX_TTL_MS = 365 * 24 * 60 * 60_000;
/** The token remembers each key that used it, in one value of the store. */
const MAX_USES = 1_000;

/** What a token is asked for with; 0 and "" take the default. */
export interface TokenWish {
  readonly labels: Readonly<Record<string, string>>;
  /** A name or a pattern with `*`; required. */
  readonly name: string;
  readonly uses: number;
  readonly ttlMs: number;
  readonly manualApproval: boolean;
}

export interface TokenDeskOptions {
  readonly tokens: KeyedStore<JoinToken>;
  /** `host:port` agents reach the hub's gRPC by. */
  readonly hubAddress: () => string;
  readonly ca: { readonly certificatePem: string; readonly fingerprint: string };
  readonly now: () => number;
}

/** Creates join tokens and knows them again. Only a hash of the secret is kept. */
export class TokenDesk {
  readonly #options: TokenDeskOptions;

  constructor(options: TokenDeskOptions) {
    this.#options = options;
  }

  /** `text` is shown once and kept nowhere. Throws {@link CallError} `invalid-argument` with every fault of the wish. */
  async create(wish: TokenWish, signal: AbortSignal): Promise<{ token: JoinToken; text: string }> {
    const faults = checkWish(wish);
    if (faults.length > 0) throw new CallError("invalid-argument", faults.join("; "));
    const nowMs = this.#options.now();
    const secret = randomBytes(32).toString("base64url");
    const token: JoinToken = {
      id: newId("t"),
      secretHash: sha256Hex(secret),
      labels: wish.labels,
      namePattern: wish.name,
      usesLeft: wish.uses === 0 ? 1 : wish.uses,
      usedBy: [],
      expiresAtMs: nowMs + (wish.ttlMs === 0 ? DEFAULT_TTL_MS : wish.ttlMs),
      manualApproval: wish.manualApproval,
      createdAtMs: nowMs,
    };
    await this.#options.tokens.create(token.id, token, signal);
    const { hubAddress, ca } = this.#options;
    const text = formatJoinToken({
      hubAddress: hubAddress(),
      caFingerprint: ca.fingerprint,
      caPem: ca.certificatePem,
      id: token.id,
      secret,
    });
    return { token, text };
  }

  /**
   * The stored token for a presented one. Throws {@link CallError}; an unknown id and a wrong secret read the same and
   * take the same way, so that ids cannot be found out.
   */
  async authenticate(text: string, signal: AbortSignal): Promise<Versioned<JoinToken>> {
    const parsed = parseJoinToken(text);
    if ("problem" in parsed) throw new CallError("unauthenticated", parsed.problem);
    const { id, secret } = parsed.content;
    const stored = /^t-[a-z2-7]{10}$/.test(id) ? await this.#options.tokens.get(id, signal) : undefined;
    const isRight = equalSecrets(sha256Hex(secret), stored?.value.secretHash ?? "");
    if (stored === undefined || !isRight) {
      throw new CallError(
        "unauthenticated",
        "the hub does not know this join token; check that it is of this hub, or create one with: axle token create",
      );
    }
    return stored;
  }
}

function checkWish(wish: TokenWish): readonly string[] {
  const faults = Object.entries(wish.labels).flatMap(([key, value]) => labelFaults(key, value));
  if (wish.name === "") {
    faults.push(
      'name: give the name of the cluster, or a pattern such as "edge-*": a name decides what a cluster gets',
    );
  } else if (!isNamePattern(wish.name)) {
    faults.push(`name: "${wish.name}" is neither a DNS label nor a pattern of one such as "edge-*"`);
  }
  if (!Number.isSafeInteger(wish.uses) || wish.uses < 0 || wish.uses > MAX_USES) {
    faults.push(`uses: ${wish.uses} is not a number from 1 to ${MAX_USES}`);
  } else if (wish.uses > 1 && wish.name !== "" && isExactName(wish.name)) {
    faults.push(
      `uses: a token for the one name "${wish.name}" can be used once; give a pattern such as "${wish.name}-*"`,
    );
  }
  if (!Number.isFinite(wish.ttlMs) || wish.ttlMs < 0 || wish.ttlMs > MAX_TTL_MS) {
    faults.push("ttl: give a time of at most a year");
  }
  return faults;
}

function labelFaults(key: string, value: string): readonly string[] {
  const keyFault = key.startsWith(FACT_PREFIX)
    ? `"${key}" is what an agent says of itself, no token can grant it`
    : labelKeyFault(key);
  return [keyFault, labelValueFault(value)].filter((fault) => fault !== undefined).map((fault) => `labels: ${fault}`);
}
