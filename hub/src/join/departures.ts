import type { LeavingMode } from "@axle/core/slice/slice.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { CallError } from "../api/call-error.ts";
import type { ClusterStatus, KeyedStore, Registration } from "../registry-ports.ts";
import { changeRegistration } from "./change-registration.ts";
import { clusterStateOf } from "./cluster-state.ts";
import * as rules from "./departure-rules.ts";
import type { AccessRevoker, AuditLog } from "./ports.ts";

export interface DeparturesOptions {
  readonly clusters: KeyedStore<Registration>;
  readonly statusOf: (clusterId: string) => ClusterStatus;
  readonly access: AccessRevoker;
  readonly audit: AuditLog;
  readonly newId: () => string;
  readonly now: () => number;
  readonly log: Logger;
}

export interface ForgetWish {
  /** Name or id. */
  readonly cluster: string;
  readonly mode: LeavingMode;
  /** Without waiting for the agent. */
  readonly now: boolean;
  /** How long the yes to deleting holds if it has not begun. */
  readonly ttlMs: number;
  readonly actor: string;
}

/**
 * How clusters leave, are cut off and come back, by a person's word. The registration says all of it and is changed by
 * compare-and-set, so of two people at once one is told what the other did; what follows from it (credentials, claims,
 * status) the DepartureKeeper does, after a kill too.
 */
export class Departures {
  readonly #options: DeparturesOptions;

  constructor(options: DeparturesOptions) {
    this.#options = options;
  }

  /** Tells a cluster to leave, or forgets one that cannot be told. Throws {@link CallError}. */
  async forget(wish: ForgetWish, signal: AbortSignal): Promise<Registration> {
    const { newId, now } = this.#options;
    const { mode, actor: by } = wish;
    const order = { id: newId(), mode, now: wish.now, expiresAtMs: now() + wish.ttlMs, by, atMs: now() };
    const target = await this.#find(wish.cluster, signal);
    const decide = (registration: Registration) => rules.decideForget(registration, order, this.#hasLeft(registration));
    const detail = `${mode}${wish.now ? ", without waiting for its agent" : ""}`;
    return this.#carryOut({ target, decide, action: "cluster.forget", actor: by, detail }, signal);
  }

  /** A cluster that was told to leave stays. Throws {@link CallError} when it has left, or was not told to. */
  async cancel(cluster: string, actor: string, signal: AbortSignal): Promise<Registration> {
    const target = await this.#find(cluster, signal);
    const decide = (registration: Registration) => rules.decideCancel(registration, this.#hasLeft(registration));
    const detail = target.leaving === undefined ? "" : `of --${target.leaving.mode} by ${target.leaving.by}`;
    return this.#carryOut({ target, decide, action: "cluster.forget-cancel", actor, detail }, signal);
  }

  /** Resolves when the credentials do not count any more; the session ends at once. Throws {@link CallError}. */
  async revoke(cluster: string, actor: string, signal: AbortSignal): Promise<Registration> {
    const target = await this.#find(cluster, signal);
    const decide = (registration: Registration) =>
      rules.decideRevoke(registration, { by: actor, atMs: this.#options.now() });
    const detail = `key ${target.keyFingerprint.slice(0, 16)}`;
    return this.#carryOut({ target, decide, action: "cluster.revoke", actor, detail }, signal);
  }

  /** A cluster on hold is served again. Throws {@link CallError}. */
  async resume(cluster: string, actor: string, signal: AbortSignal): Promise<Registration> {
    const target = await this.#find(cluster, signal);
    const detail = target.hold?.reason ?? "";
    const decide = rules.decideResume;
    return this.#carryOut({ target, decide, action: "cluster.resume", actor, detail }, signal);
  }

  /** Two agents answer with one key: neither is served until a person has looked. */
  async hold(target: Registration, reason: string, signal: AbortSignal): Promise<void> {
    const decide = (registration: Registration) =>
      rules.decideHold(registration, { reason, atMs: this.#options.now() });
    await this.#carryOut({ target, decide, action: "cluster.hold", actor: "hub", detail: reason }, signal);
  }

  /** An agent said that it did as it was told: its cluster is no cluster of the fleet any more. */
  async left(target: Registration, what: string, signal: AbortSignal): Promise<void> {
    const decide = (registration: Registration) =>
      this.#hasLeft(registration)
        ? rules.decideLeft(registration, { what, atMs: this.#options.now() })
        : ({ type: "unchanged" } as const);
    const actor = `cluster:${target.id}`;
    await this.#carryOut({ target, decide, action: "cluster.left", actor, detail: what }, signal);
  }

  /** The agent's word is about the very order that stands. */
  #hasLeft({ id, leaving }: Registration): boolean {
    const { left } = this.#options.statusOf(id);
    return leaving !== undefined && left?.order === leaving.id;
  }

  async #carryOut(given: Deed, signal: AbortSignal): Promise<Registration> {
    const { clusters, access, audit, now, log } = this.#options;
    const { target, action, actor, detail } = given;
    const { registration, isChanged } = await changeRegistration(clusters, { id: target.id, signal }, (before) => {
      const decision = given.decide(before);
      if (decision.type === "refuse") throw new CallError(decision.code, decision.message);
      return decision.type === "change" ? decision.registration : undefined;
    });
    if (isChanged) {
      log.info({ cluster: registration.name, id: registration.id, action, actor, detail }, "cluster changed");
      await audit.record({ atMs: now(), actor, action, subject: registration.name, detail }, signal);
    }
    const { id, credentialsVoidMs } = registration;
    if (credentialsVoidMs !== undefined) await access.revoke(new Map([[id, credentialsVoidMs]]), signal);
    return registration;
  }

  /** By id, or by name among those the fleet still knows. Throws {@link CallError} `not-found`, or when several have it. */
  async #find(wanted: string, signal: AbortSignal): Promise<Registration> {
    const all = [...(await this.#options.clusters.list(signal)).values()].map(({ value }) => value);
    const byId = all.find(({ id }) => id === wanted);
    if (byId !== undefined) return byId;
    const named = all.filter((registration) => registration.name === wanted && !isForgotten(registration));
    // One that waits to replace another has its name; the one that works is meant.
    const known = named.filter(({ state }) => state !== "pending");
    const [first, second] = known.length > 0 ? known : named;
    if (first === undefined) throw new CallError("not-found", `there is no cluster named "${wanted}"`);
    if (second === undefined) return first;
    const ids = named.map(({ id }) => id).join(", ");
    throw new CallError("failed-precondition", `several clusters are named "${wanted}": say which by its id (${ids})`);
  }
}

interface Deed {
  readonly target: Registration;
  readonly decide: (registration: Registration) => rules.DepartureDecision;
  readonly action: string;
  readonly actor: string;
  readonly detail: string;
}

function isForgotten(registration: Registration): boolean {
  return clusterStateOf(registration) === "forgotten";
}
