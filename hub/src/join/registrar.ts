import type { RegisterOutcome, RegisterRequest } from "@axle/core/session/messages.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { CallError } from "../api/call-error.ts";
import type { RequestedKey } from "../identity/agent-certificate.ts";
import type { JoinToken, KeyedStore, Registration, Versioned } from "../registry-ports.ts";
import { checkSameKey, readRequest } from "./agent-credentials.ts";
import type { AgentCredentials } from "./agent-credentials.ts";
import { keyClaim, nameClaim, uidClaim } from "./claim-book.ts";
import type { ClaimBook } from "./claim-book.ts";
import { barredBecause } from "./cluster-state.ts";
import { decideJoin, resolveName, USED_UP, useToken } from "./join-rules.ts";
import type { JoinDecision } from "./join-rules.ts";
import { newId } from "./new-id.ts";
import type { AuditLog } from "./ports.ts";
import { isConflict } from "./store-conflict.ts";
import type { TokenDesk } from "./token-desk.ts";

const RETRY_PENDING_MS = 15_000;

export interface RegistrarOptions {
  readonly desk: TokenDesk;
  readonly tokens: KeyedStore<JoinToken>;
  readonly clusters: KeyedStore<Registration>;
  readonly claims: ClaimBook;
  readonly credentials: AgentCredentials;
  readonly audit: AuditLog;
  readonly now: () => number;
  readonly log: Logger;
}

/**
 * Lets clusters join. The rules are in join-rules.ts; here they meet the store, in an order that any replica can be
 * killed in and any two can race in: claims of key, name and UID first (created by one writer only), then the use of the
 * token (compare-and-set), then the registration. The same key coming again goes on where it stopped.
 */
export class Registrar {
  readonly #options: RegistrarOptions;

  constructor(options: RegistrarOptions) {
    this.#options = options;
  }

  /** `from` is the caller's address, for the audit. Throws {@link CallError} that says what was wrong and what to do. */
  async register(request: RegisterRequest, from: string, signal: AbortSignal): Promise<RegisterOutcome> {
    const { desk, credentials, log } = this.#options;
    const token = await desk.authenticate(request.token, signal);
    const key = await readRequest(request.csrPem);
    checkRequest(request);
    const decision = await this.#decide({ token, key, request }, signal);
    switch (decision.type) {
      case "refuse":
        log.warn({ token: token.value.id, from, reason: decision.message }, "registration refused");
        throw new CallError(decision.code, decision.message);
      case "known":
        break;
      case "join":
      case "wait":
        await this.#take({ decision, token: token.value, key, request, from }, signal);
    }
    const registration = await this.#options.claims.holderOf(keyClaim(key.fingerprint), signal);
    if (registration === undefined) throw new CallError("aborted", "the registration vanished; try again");
    // A claim that outlived its key, for the hub died while another took its place.
    checkSameKey(registration, key);
    if (registration.hold !== undefined) {
      throw new CallError("permission-denied", barredBecause(registration) ?? "on hold");
    }
    if (registration.state !== "active") {
      const reason = registration.waitsFor ?? "a person has to say yes";
      return { type: "pending", reason, retryAfterMs: RETRY_PENDING_MS };
    }
    return { type: "registered", ...(await credentials.issueAll(registration, key.publicKey, signal)) };
  }

  async #decide(
    given: { token: Versioned<JoinToken>; key: RequestedKey; request: RegisterRequest },
    signal: AbortSignal,
  ): Promise<JoinDecision> {
    const { claims, now } = this.#options;
    const { key, request } = given;
    const token = given.token.value;
    const ofAnotherKey = async (claim: string | undefined) => {
      const holder = claim === undefined ? undefined : await claims.holderOf(claim, signal);
      const isOther = holder?.keyFingerprint !== key.fingerprint && holder?.forgotten === undefined;
      return isOther ? holder : undefined;
    };
    const name = resolveName(request.name, token.namePattern);
    return decideJoin({
      token,
      applicant: { name: request.name, keyFingerprint: key.fingerprint },
      byKey: await claims.holderOf(keyClaim(key.fingerprint), signal),
      byName: typeof name === "string" ? await ofAnotherKey(nameClaim(name)) : undefined,
      byUid: await ofAnotherKey(uidClaim(request.kubeSystemUid)),
      nowMs: now(),
    });
  }

  async #take(
    given: {
      decision: Extract<JoinDecision, { type: "join" | "wait" }>;
      token: JoinToken;
      key: RequestedKey;
      request: RegisterRequest;
      from: string;
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { claims, clusters, audit, now, log } = this.#options;
    const { decision, token, key, request, from } = given;
    const id = await claims.take(keyClaim(key.fingerprint), newId("c"), signal);
    const isReplacement = decision.type === "wait" && decision.replaces !== undefined;
    const wanted = isReplacement ? [] : [nameClaim(decision.name), uidClaim(request.kubeSystemUid)];
    const taken: string[] = [];
    for (const claim of wanted.filter((one) => one !== undefined)) {
      if ((await claims.take(claim, id, signal)) !== id) {
        await this.#release(taken, id, signal);
        throw new CallError("aborted", `another agent is joining as "${decision.name}" at this moment; try again`);
      }
      taken.push(claim);
    }
    if (!(await this.#spend(token.id, key.fingerprint, signal))) {
      await this.#release(taken, id, signal);
      throw new CallError("permission-denied", USED_UP);
    }
    const registration = registrationOf({ id, decision, token, key, request, nowMs: now() });
    try {
      await clusters.create(id, registration, signal);
    } catch (error) {
      if (isConflict(error)) return;
      throw error;
    }
    log.info({ cluster: registration.name, id, from, state: registration.state }, "cluster registered");
    const detail = `token ${token.id} from ${from}, key ${key.fingerprint.slice(0, 16)}`;
    const action = decision.type === "join" ? "cluster.join" : "cluster.ask-to-join";
    await audit.record({ atMs: now(), actor: `cluster:${id}`, action, subject: registration.name, detail }, signal);
  }

  /** False when no use is left. Compare-and-set: two replicas never spend one use twice. */
  async #spend(tokenId: string, keyFingerprint: string, signal: AbortSignal): Promise<boolean> {
    const { tokens } = this.#options;
    while (true) {
      signal.throwIfAborted();
      const stored = await tokens.get(tokenId, signal);
      if (stored === undefined) return false;
      const used = useToken(stored.value, keyFingerprint);
      if (used === undefined) return false;
      if (used === stored.value) return true;
      try {
        await tokens.update(tokenId, { value: used, revision: stored.revision }, signal);
        return true;
      } catch (error) {
        if (!isConflict(error)) throw error;
      }
    }
  }

  async #release(claimKeys: readonly string[], id: string, signal: AbortSignal): Promise<void> {
    const isRegistered = (await this.#options.clusters.get(id, signal)) !== undefined;
    if (isRegistered) return;
    for (const claim of claimKeys) await this.#options.claims.release(claim, id, signal);
  }
}

function registrationOf(given: {
  id: string;
  decision: Extract<JoinDecision, { type: "join" | "wait" }>;
  token: JoinToken;
  key: RequestedKey;
  request: RegisterRequest;
  nowMs: number;
}): Registration {
  const { id, decision, token, key, request, nowMs } = given;
  return {
    id,
    name: decision.name,
    labels: token.labels,
    keyFingerprint: key.fingerprint,
    sealPublicKey: request.sealPublicKey,
    kubeSystemUid: request.kubeSystemUid,
    tokenId: token.id,
    state: decision.type === "join" ? "active" : "pending",
    ...(decision.type === "wait" ? { waitsFor: decision.waitsFor } : {}),
    ...(decision.type === "wait" && decision.replaces !== undefined ? { replaces: decision.replaces } : {}),
    joinedAtMs: nowMs,
    agentVersion: request.agentVersion,
    facts: request.facts,
  };
}

function checkRequest(request: RegisterRequest): void {
  const faults: string[] = [];
  if (Buffer.from(request.sealPublicKey, "base64").length !== 32) faults.push("the sealing key does not have 32 bytes");
  if (request.kubeSystemUid.length > 128) faults.push("the kube-system UID is too long");
  if (request.agentVersion.length > 128) faults.push("the agent's version is too long");
  if (faults.length > 0) throw new CallError("invalid-argument", faults.join("; "));
}
