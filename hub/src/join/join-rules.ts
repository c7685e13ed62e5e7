import { isClusterName, isExactName, matchesNamePattern } from "@axle/core/join/name-pattern.ts";
import type { CallCode } from "../api/call-error.ts";
import type { JoinToken, Registration } from "../registry-ports.ts";

/** Who wants to join, after it proved that it has the key. */
export interface Applicant {
  /** "" takes the name of the token. */
  readonly name: string;
  readonly keyFingerprint: string;
}

/** What the hub knows that bears on it. */
export interface JoinCase {
  /** Its secret has been checked. */
  readonly token: JoinToken;
  readonly applicant: Applicant;
  /** The registration with this very key. */
  readonly byKey: Registration | undefined;
  /** Another key's registration under the name it would get. */
  readonly byName: Registration | undefined;
  /** Another key's registration for the same kube-system namespace. */
  readonly byUid: Registration | undefined;
  readonly nowMs: number;
}

export type JoinDecision =
  | { readonly type: "refuse"; readonly code: CallCode; readonly message: string }
  /** The same key again: nothing changes. */
  | { readonly type: "known"; readonly registration: Registration }
  | { readonly type: "join"; readonly name: string }
  /** Joins once a person says yes. */
  | { readonly type: "wait"; readonly name: string; readonly waitsFor: string; readonly replaces?: string };

/** The rules of joining, in the order in which they are decided. Pure: who calls has read everything and writes the outcome. */
export function decideJoin(given: JoinCase): JoinDecision {
  const { token, applicant, byKey, byName, byUid } = given;
  if (byKey?.state === "revoked") {
    const what = byKey.forgotten === undefined ? "was revoked" : "was taken out of the fleet";
    return refuse("permission-denied", `cluster "${byKey.name}" ${what}: its key is not accepted any more`);
  }
  const unusable = unusableBecause(given);
  if (unusable !== undefined) return unusable;
  if (byKey !== undefined) {
    if (["", byKey.name, byKey.askedAs].includes(applicant.name)) return { type: "known", registration: byKey };
    return refuse(
      "failed-precondition",
      `this agent's key is registered as "${byKey.name}" already; start it with that name, or with a new key`,
    );
  }
  const name = resolveName(applicant.name, token.namePattern);
  if (typeof name !== "string") return name;
  if (byName !== undefined) {
    return {
      type: "wait",
      name,
      waitsFor: `a cluster named "${name}" ${isKnown(byName)} with another key; a person has to say whether this one replaces it`,
      replaces: byName.id,
    };
  }
  if (byUid !== undefined) {
    return {
      type: "wait",
      name,
      waitsFor: `this Kubernetes cluster ${isKnown(byUid)} as "${byUid.name}" with another key; a person has to say whether this one replaces it`,
      replaces: byUid.id,
    };
  }
  if (token.manualApproval) {
    return { type: "wait", name, waitsFor: `the join token asks for a person's yes to cluster "${name}"` };
  }
  return { type: "join", name };
}

function isKnown({ state }: Registration): string {
  return state === "revoked" ? "was revoked" : "is registered";
}

/** The name an applicant would get, or why it gets none. */
export function resolveName(wanted: string, pattern: string): string | Extract<JoinDecision, { type: "refuse" }> {
  if (wanted === "") {
    if (isExactName(pattern)) return pattern;
    return refuse(
      "invalid-argument",
      `the join token allows names like "${pattern}": say which one this cluster takes`,
    );
  }
  if (!isClusterName(wanted)) {
    return refuse(
      "invalid-argument",
      `"${wanted}" cannot be the name of a cluster: use up to 63 lower-case letters, digits and "-", beginning and ending with a letter or digit`,
    );
  }
  if (matchesNamePattern(wanted, pattern)) return wanted;
  return refuse(
    "permission-denied",
    `the join token is for ${isExactName(pattern) ? `cluster "${pattern}"` : `clusters named like "${pattern}"`}, not for "${wanted}"; create one with: axle token create --name ${wanted}`,
  );
}

/** The token after one more key used it; unchanged for a key that did before, undefined when no use is left. */
export function useToken(token: JoinToken, keyFingerprint: string): JoinToken | undefined {
  if (token.usedBy.includes(keyFingerprint)) return token;
  if (token.usesLeft <= 0) return undefined;
  return { ...token, usesLeft: token.usesLeft - 1, usedBy: [...token.usedBy, keyFingerprint] };
}

export const USED_UP = "the join token is used up; create a new one with: axle token create";

function unusableBecause(given: JoinCase): Extract<JoinDecision, { type: "refuse" }> | undefined {
  const { token, applicant, nowMs } = given;
  if (token.usedBy.includes(applicant.keyFingerprint)) return undefined;
  if (nowMs >= token.expiresAtMs) {
    const expired = new Date(token.expiresAtMs).toISOString();
    return refuse(
      "permission-denied",
      `the join token expired at ${expired}; create a new one with: axle token create`,
    );
  }
  return token.usesLeft > 0 || given.byKey !== undefined ? undefined : refuse("permission-denied", USED_UP);
}

function refuse(code: CallCode, message: string): Extract<JoinDecision, { type: "refuse" }> {
  return { type: "refuse", code, message };
}
