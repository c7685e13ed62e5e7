import { canonicalJson } from "@axle/core/manifest/canonical-json.ts";
import type { Problem } from "@axle/core/fleet/problem.ts";
import { compareNumbers } from "@axle/core/slice/slice.ts";
import type { ClusterStatus, Registration } from "../registry-ports.ts";
import type { ReadCommit } from "./commit-reader.ts";
import type { HubState } from "./hub-state.ts";
import { settleDeletions } from "./settle-deletions.ts";

/** What a turn that found nothing to do decided from. */
export interface SettledTurn {
  readonly read: ReadCommit;
  readonly registrations: readonly Registration[];
  /** Of the state. */
  readonly version: number;
  /** What is wrong all the same. */
  readonly problems: readonly Problem[];
}

/** What a turn decides from. */
export interface TurnInput {
  readonly read: ReadCommit;
  readonly registrations: readonly Registration[];
  readonly state: Pick<HubState, "version" | "apps" | "approvals" | "slices">;
  readonly statuses: ReadonlyMap<string, ClusterStatus>;
  readonly nowMs: number;
}

/**
 * Whether planning again would find nothing to do again, because everything it decides from is what it was. Compared, in
 * a millisecond at a thousand clusters, rather than trusted: which poke came says nothing.
 */
export function isStillSettled(settled: SettledTurn, input: TurnInput): boolean {
  const { read, registrations, state, statuses, nowMs } = input;
  if (settled.read !== read || settled.version !== state.version) return false;
  if (settled.registrations.length !== registrations.length) return false;
  if (!registrations.every((registration, index) => plansAlike(settled.registrations[index], registration))) {
    return false;
  }
  if (registrations.some((registration) => isAgentAhead(registration, input))) return false;
  const { apps: records, approvals, slices } = state;
  const { clearHolds, endedApprovals } = settleDeletions({ records, approvals, slices, statuses, nowMs });
  return clearHolds.length === 0 && endedApprovals.size === 0;
}

/** The version of the agent, say, decides nothing. */
function plansAlike(a: Registration | undefined, b: Registration): boolean {
  return a === b || (a !== undefined && canonicalJson(planned(a)) === canonicalJson(planned(b)));
}

function planned(registration: Registration) {
  const { id, name, labels, sealPublicKey, state, facts, leaving, hold, forgotten } = registration;
  return { id, name, labels, sealPublicKey, state, facts, leaving, hold, forgotten };
}

function isAgentAhead({ id, state }: Registration, { state: { slices }, statuses }: TurnInput): boolean {
  const accepted = statuses.get(id)?.accepted;
  if (state !== "active" || accepted === undefined) return false;
  const slice = slices.get(id);
  return slice === undefined || compareNumbers(accepted, slice.number) > 0;
}
