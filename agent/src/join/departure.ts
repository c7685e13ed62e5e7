import type { Logger } from "@axle/runtime/logger.ts";
import { parseJoinToken } from "@axle/core/join/join-token.ts";
import type { Identity, IdentityStore, RegisteredIdentity } from "./identity.ts";
import { newIdentity } from "./new-identity.ts";

/** Keeps in mind that this cluster has left its fleet. */
export interface LeftFleet {
  /** As it was called there. */
  readonly name: string;
  readonly clusterId: string;
  readonly atMs: number;
  /** Id of the join token the agent had then; "" for none. That one does not bring it back. */
  readonly tokenId: string;
}

export interface DepartureOptions {
  readonly store: IdentityStore;
  /** What the agent was started with. Secret. */
  readonly token: string | undefined;
  /** Deletes what the agent keeps of its work in the cluster and on its disk. Idempotent. */
  readonly clear: (signal: AbortSignal) => Promise<void>;
  readonly now?: () => number;
  readonly log: Logger;
}

/**
 * The last thing an agent does in a fleet: its key, which the hub accepts no more, gives way to a fresh one with a note
 * that it left, so that it does not join again by itself, and what it kept goes. Killed between, the next start goes on.
 */
export async function depart(
  identity: RegisteredIdentity,
  options: DepartureOptions,
  signal: AbortSignal,
): Promise<LeftFleet> {
  const { store, token, clear, now = Date.now, log } = options;
  const { name, clusterId } = identity.registered;
  const left: LeftFleet = { name, clusterId, atMs: now(), tokenId: tokenIdOf(token) };
  await store.save({ ...newIdentity(name), left }, signal);
  await clear(signal);
  log.info({ cluster: name, id: clusterId }, "left the fleet");
  return left;
}

/** Whether this agent is to rest: it left, and was given no other join token since. */
export function restsAfterLeaving(identity: Identity | undefined, token: string | undefined): LeftFleet | undefined {
  const left = identity?.left;
  if (left === undefined || (token !== undefined && tokenIdOf(token) !== left.tokenId)) return undefined;
  return left;
}

function tokenIdOf(token: string | undefined): string {
  if (token === undefined) return "";
  const parsed = parseJoinToken(token);
  return "problem" in parsed ? "" : parsed.content.id;
}
