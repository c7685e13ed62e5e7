import type { LeavingMode } from "@axle/core/slice/slice.ts";
import type { CallCode } from "../api/call-error.ts";
import type { Leaving, Registration } from "../registry-ports.ts";
import { clusterStateOf } from "./cluster-state.ts";

/** A person's order that a cluster leaves. */
export interface ForgetOrder {
  /** Used when it is a new order. */
  readonly id: string;
  readonly mode: LeavingMode;
  /** Nobody waits for the agent: everything stays as it is. */
  readonly now: boolean;
  /** Until when the yes to deleting holds. */
  readonly expiresAtMs: number;
  readonly by: string;
  readonly atMs: number;
}

export type DepartureDecision =
  | { readonly type: "refuse"; readonly code: CallCode; readonly message: string }
  /** It is so already. */
  | { readonly type: "unchanged" }
  | { readonly type: "change"; readonly registration: Registration };

/**
 * Credentials count as void a little beyond the moment of the cut, for a replica that has not heard of it issues some yet;
 * those for whoever takes the place are dated after that.
 */
const REPLICA_LAG_MS = 10_000;

/** What becomes of a registration by an order to leave. Pure. `hasLeft`: its agent says it did what it was told before. */
export function decideForget(registration: Registration, order: ForgetOrder, hasLeft: boolean): DepartureDecision {
  const { leaving, name } = registration;
  const state = clusterStateOf(registration);
  if (state === "forgotten") return { type: "unchanged" };
  if (order.now && order.mode === "delete") {
    return refuse("invalid-argument", "nothing can be deleted without the agent: take --delete, or --keep --now");
  }
  if (state === "pending") return forgotten(registration, order, "it never got in");
  if (order.now) return forgotten(registration, order, "at once: its objects stay as they are, marks and all");
  if (state === "revoked") {
    if (order.mode === "keep") return forgotten(registration, order, "it was revoked: its objects stay as they are");
    const remedy = "forget it with --keep, and delete what is in it by hand";
    return refuse("failed-precondition", `"${name}" was revoked, nobody can tell its agent to delete; ${remedy}`);
  }
  if (state === "on-hold") {
    const remedy = `axle cluster resume ${name}, then forget it; or --keep --now`;
    return refuse("failed-precondition", `"${name}" is on hold and hears nothing: ${remedy}`);
  }
  if (leaving === undefined || (leaving.mode === order.mode && isOver(leaving, order.atMs) && !hasLeft)) {
    const { id, mode, expiresAtMs, atMs, by } = order;
    return change({ ...registration, leaving: { id, mode, expiresAtMs, atMs, by } });
  }
  if (leaving.mode === order.mode) return { type: "unchanged" };
  if (hasLeft) return refuse("failed-precondition", `"${name}" has left already, with --${leaving.mode}`);
  const since = new Date(leaving.atMs).toISOString();
  return refuse(
    "failed-precondition",
    `"${name}" is leaving with --${leaving.mode} (${leaving.by}, ${since}); cancel that first: axle cluster forget ${name} --cancel`,
  );
}

/** A cluster that was told to leave stays, if its agent has not left. */
export function decideCancel(registration: Registration, hasLeft: boolean): DepartureDecision {
  const { name, leaving, ...rest } = registration;
  if (leaving === undefined || clusterStateOf(registration) === "forgotten") {
    return refuse("failed-precondition", `"${name}" is not leaving`);
  }
  if (hasLeft) return refuse("failed-precondition", `"${name}" has left already`);
  return change({ name, ...rest });
}

/** Its credentials count no more; what runs there goes on. */
export function decideRevoke(
  registration: Registration,
  order: { readonly by: string; readonly atMs: number },
): DepartureDecision {
  const { name, leaving: _leaving, hold: _hold, ...rest } = registration;
  switch (clusterStateOf(registration)) {
    case "revoked":
    case "forgotten":
      return { type: "unchanged" };
    case "pending":
      return refuse("failed-precondition", `"${name}" has not been let in; axle cluster forget ${name} turns it away`);
    case "active":
    case "leaving":
    case "on-hold": {
      const { atMs, by } = order;
      const credentialsVoidMs = voidFrom(atMs);
      return change({ name, ...rest, state: "revoked", credentialsVoidMs, revoked: { atMs, by } });
    }
  }
}

/** Two agents answer with its key: neither is served. */
export function decideHold(
  registration: Registration,
  order: { readonly reason: string; readonly atMs: number },
): DepartureDecision {
  const { state, hold } = registration;
  if (state !== "active" || hold !== undefined) return { type: "unchanged" };
  const { atMs, reason } = order;
  return change({ ...registration, hold: { atMs, reason }, credentialsVoidMs: voidFrom(atMs) });
}

/** A person has looked: whoever comes with the key is served again. */
export function decideResume(registration: Registration): DepartureDecision {
  const { name, hold, ...rest } = registration;
  if (registration.state !== "active") {
    return refuse("failed-precondition", `"${name}" is ${clusterStateOf(registration)}, not on hold`);
  }
  return hold === undefined ? { type: "unchanged" } : change({ name, ...rest });
}

/** The agent did as it was told: only the key is remembered. */
export function decideLeft(registration: Registration, left: { what: string; atMs: number }): DepartureDecision {
  const { leaving } = registration;
  if (leaving === undefined || registration.state !== "active") return { type: "unchanged" };
  return forgotten(registration, { by: leaving.by, atMs: left.atMs }, left.what);
}

/** Credentials issued until then are not to count any more. */
export function voidFrom(atMs: number): number {
  return atMs + REPLICA_LAG_MS;
}

function isOver({ mode, expiresAtMs }: Leaving, nowMs: number): boolean {
  return mode === "delete" && expiresAtMs <= nowMs;
}

function forgotten(
  registration: Registration,
  { by, atMs }: { readonly by: string; readonly atMs: number },
  what: string,
): DepartureDecision {
  const { leaving: _leaving, hold: _hold, ...rest } = registration;
  const credentialsVoidMs = voidFrom(atMs);
  return change({ ...rest, state: "revoked", credentialsVoidMs, forgotten: { atMs, by, what } });
}

function change(registration: Registration): DepartureDecision {
  return { type: "change", registration };
}

function refuse(code: CallCode, message: string): DepartureDecision {
  return { type: "refuse", code, message };
}
