import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Registration } from "../registry-ports.ts";
import type { ClusterState } from "./cluster-state.ts";
import { barredBecause, clusterStateOf } from "./cluster-state.ts";
import * as rules from "./departure-rules.ts";
import type { DepartureDecision, ForgetOrder } from "./departure-rules.ts";

const NOW_MS = 1_000_000;

const active: Registration = {
  id: "c-1",
  name: "prod-1",
  labels: {},
  keyFingerprint: "key-1",
  sealPublicKey: "",
  kubeSystemUid: "uid-1",
  tokenId: "t-0",
  state: "active",
  joinedAtMs: 0,
  agentVersion: "",
  facts: { kubernetesVersion: "", provider: "", nodes: 0, apiVersions: [] },
};
const keeping = { id: "o-1", mode: "keep", expiresAtMs: NOW_MS + 1, atMs: 0, by: "ann" } as const;

const STANDING: Readonly<Record<ClusterState, Registration>> = {
  active,
  pending: { ...active, state: "pending" },
  leaving: { ...active, leaving: keeping },
  "on-hold": { ...active, hold: { atMs: 0, reason: "two" } },
  revoked: { ...active, state: "revoked", revoked: { atMs: 0, by: "ann" } },
  forgotten: { ...active, state: "revoked", forgotten: { atMs: 0, by: "ann", what: "" } },
};
const STATES = Object.keys(STANDING) as ClusterState[];

function order(change: Partial<ForgetOrder> = {}): ForgetOrder {
  return { id: "o-2", mode: "keep", now: false, expiresAtMs: NOW_MS + 1_000, by: "bob", atMs: NOW_MS, ...change };
}

/** The state after it, `=` when nothing changes, the code of a refusal. */
function outcome(decision: DepartureDecision): string {
  if (decision.type === "refuse") return decision.code;
  return decision.type === "unchanged" ? "=" : clusterStateOf(decision.registration);
}

const VERBS: Readonly<Record<string, (registration: Registration) => DepartureDecision>> = {
  keep: (registration) => rules.decideForget(registration, order(), false),
  delete: (registration) => rules.decideForget(registration, order({ mode: "delete" }), false),
  now: (registration) => rules.decideForget(registration, order({ now: true }), false),
  cancel: (registration) => rules.decideCancel(registration, false),
  revoke: (registration) => rules.decideRevoke(registration, order()),
  hold: (registration) => rules.decideHold(registration, { reason: "two", atMs: NOW_MS }),
  resume: (registration) => rules.decideResume(registration),
  left: (registration) => rules.decideLeft(registration, { what: "done", atMs: NOW_MS }),
};

const NO = "failed-precondition";
/** By verb, from each state in the order active, pending, leaving with keep, on-hold, revoked, forgotten. */
const TABLE: Readonly<Record<string, readonly string[]>> = {
  keep: ["leaving", "forgotten", "=", NO, "forgotten", "="],
  delete: ["leaving", "forgotten", NO, NO, NO, "="],
  now: ["forgotten", "forgotten", "forgotten", "forgotten", "forgotten", "="],
  cancel: [NO, NO, "active", NO, NO, NO],
  revoke: ["revoked", NO, "revoked", "revoked", "=", "="],
  hold: ["on-hold", "=", "on-hold", "=", "=", "="],
  resume: ["=", NO, "=", "active", NO, NO],
  left: ["=", "=", "forgotten", "=", "=", "="],
};

describe("an order to a cluster in any state", () => {
  test.each(Object.keys(VERBS))("%s", (verb) => {
    const STATES_IN_ORDER = ["active", "pending", "leaving", "on-hold", "revoked", "forgotten"] as const;
    expect(STATES_IN_ORDER.map((state) => outcome(VERBS[verb]!(STANDING[state])))).toEqual(TABLE[verb]);
  });

  test("nothing is deleted without its agent", () => {
    expect(rules.decideForget(active, order({ mode: "delete", now: true }), false)).toMatchObject({
      type: "refuse",
      message: expect.stringContaining("--keep --now"),
    });
  });

  test("of two people who want it differently the second is told what the first did", () => {
    expect(rules.decideForget(STANDING.leaving, order({ mode: "delete" }), false)).toMatchObject({
      message: expect.stringMatching(/leaving with --keep \(ann, .*--cancel/),
    });
  });

  test("S4: a yes to deleting that ran out is given again by the same words, as a new order", () => {
    const over = { ...active, leaving: { ...keeping, mode: "delete", expiresAtMs: NOW_MS } } as const;
    const decision = rules.decideForget(over, order({ mode: "delete" }), false);
    expect(decision).toMatchObject({ registration: { leaving: { id: "o-2", expiresAtMs: NOW_MS + 1_000 } } });
    expect(outcome(rules.decideForget(over, order({ mode: "delete" }), true))).toBe("=");
  });

  test("who has left cannot be told to stay", () => {
    expect(outcome(rules.decideCancel(STANDING.leaving, true))).toBe(NO);
  });

  test("S6: whoever is cut off has no credentials that count, now and for some seconds", () => {
    for (const state of STATES) {
      for (const verb of ["now", "revoke", "hold", "left"]) {
        const decision = VERBS[verb]!(STANDING[state]);
        if (decision.type !== "change") continue;
        expect(decision.registration.credentialsVoidMs).toBeGreaterThan(NOW_MS);
      }
    }
  });

  test("S6: only an active or leaving cluster may connect, whatever the orders and their sequence", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...Object.keys(VERBS))), (verbs) => {
        let registration = active;
        let isGone = false;
        for (const verb of verbs) {
          const decision = VERBS[verb]!(registration);
          if (decision.type === "change") registration = decision.registration;
          const state = clusterStateOf(registration);
          if (isGone) expect(state).toBe("forgotten");
          isGone ||= state === "forgotten";
          expect(barredBecause(registration) === undefined).toBe(state === "active" || state === "leaving");
        }
      }),
    );
  });
});
