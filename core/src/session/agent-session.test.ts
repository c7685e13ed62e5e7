import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AgentSession,
  clockOf,
  nextDueMs,
  SESSION_TIMES,
  type SessionAction,
  type SessionEvent,
  startSession,
  stepSession,
} from "./agent-session.ts";
import type { HubMessage, Welcome } from "./messages.ts";

const NEVER = { certificateAtMs: Number.MAX_SAFE_INTEGER, natsAtMs: Number.MAX_SAFE_INTEGER };
const KEY_SET = { version: 1, keys: [], rootPublicKey: "", signature: "" };
const EXPECTED = { epoch: 1, n: 7 };
const WELCOME: Welcome = {
  type: "welcome",
  protocol: 1,
  hubVersion: "1",
  clusterName: "c",
  nats: undefined,
  keySet: KEY_SET,
  expected: EXPECTED,
};

const MESSAGES: Record<HubMessage["type"], HubMessage> = {
  welcome: WELCOME,
  expected: { type: "expected", number: EXPECTED },
  "report-ack": { type: "report-ack", number: 1 },
  "heartbeat-reply": { type: "heartbeat-reply", sentAtMs: 1_000, hubAtMs: 5_000 },
  renewal: { type: "renewal", certificatePem: "", nats: undefined, keySet: KEY_SET },
  "sync-now": { type: "sync-now", apps: ["web"] },
};

type EventName = "early tick" | "due tick" | "opened" | "closed" | "changed" | "credentials" | HubMessage["type"];
type StateName = "disconnected" | "connecting" | "greeting" | "live, new" | "live, idle" | "live, in flight";

const run = (state: AgentSession, events: readonly (readonly [SessionEvent, number])[]) =>
  events.reduce((at, [event, nowMs]) => stepSession(at, event, nowMs).state, state);
const message = (type: HubMessage["type"]): SessionEvent => ({ type: "message", message: MESSAGES[type] });

const disconnected = startSession(NEVER, 1_000);
const connecting = run(disconnected, [[{ type: "tick" }, 1_000]]);
const greeting = run(connecting, [[{ type: "opened" }, 1_000]]);
const fresh = run(greeting, [[message("welcome"), 1_000]]);
const inFlight = run(fresh, [[message("heartbeat-reply"), 1_010]]);
const idle = run(inFlight, [[message("report-ack"), 1_020]]);

const STATES: Record<StateName, AgentSession> = {
  disconnected,
  connecting,
  greeting,
  "live, new": fresh,
  "live, idle": idle,
  "live, in flight": inFlight,
};

function eventOf(name: EventName, state: AgentSession): { event: SessionEvent; nowMs: number } {
  switch (name) {
    case "early tick":
      return { event: { type: "tick" }, nowMs: nextDueMs(state) - 1 };
    case "due tick":
      return { event: { type: "tick" }, nowMs: nextDueMs(state) };
    case "opened":
    case "changed":
      return { event: { type: name }, nowMs: 2_000 };
    case "closed":
      return { event: { type: "closed", retryInMs: 500 }, nowMs: 2_000 };
    case "credentials":
      return { event: { type: "credentials", renewal: NEVER }, nowMs: 2_000 };
    case "welcome":
    case "expected":
    case "report-ack":
    case "heartbeat-reply":
    case "renewal":
    case "sync-now":
      return { event: message(name), nowMs: 2_000 };
  }
}

/** The state afterwards and what is done. */
type Row = readonly [AgentSession["type"], ...SessionAction["type"][]];

const IGNORED_IN = (state: AgentSession["type"]): Record<HubMessage["type"], Row> => ({
  welcome: [state],
  expected: [state],
  "report-ack": [state],
  "heartbeat-reply": [state],
  renewal: [state],
  "sync-now": [state],
});

const TABLE: Record<StateName, Record<EventName, Row>> = {
  disconnected: {
    ...IGNORED_IN("disconnected"),
    "early tick": ["disconnected"],
    "due tick": ["connecting", "connect"],
    opened: ["disconnected"],
    closed: ["disconnected"],
    changed: ["disconnected"],
    credentials: ["disconnected"],
  },
  connecting: {
    ...IGNORED_IN("connecting"),
    "early tick": ["connecting"],
    "due tick": ["connecting", "close"],
    opened: ["greeting", "send-hello"],
    closed: ["disconnected"],
    changed: ["connecting"],
    credentials: ["connecting"],
  },
  greeting: {
    ...IGNORED_IN("greeting"),
    "early tick": ["greeting"],
    "due tick": ["greeting", "close"],
    opened: ["greeting"],
    closed: ["disconnected"],
    changed: ["greeting"],
    credentials: ["greeting"],
    welcome: ["live", "welcomed", "send-heartbeat", "expect"],
  },
  "live, new": {
    "early tick": ["live"],
    "due tick": ["live", "send-heartbeat"],
    opened: ["live"],
    closed: ["disconnected"],
    changed: ["live"],
    credentials: ["live"],
    welcome: ["live"],
    expected: ["live", "expect"],
    "report-ack": ["live"],
    "heartbeat-reply": ["live", "send-report"],
    renewal: ["live", "renewed"],
    "sync-now": ["live", "sync-now"],
  },
  "live, idle": {
    "early tick": ["live"],
    "due tick": ["live", "send-heartbeat"],
    opened: ["live"],
    closed: ["disconnected"],
    changed: ["live", "send-report"],
    credentials: ["live"],
    welcome: ["live"],
    expected: ["live", "expect"],
    "report-ack": ["live"],
    "heartbeat-reply": ["live"],
    renewal: ["live", "renewed"],
    "sync-now": ["live", "sync-now"],
  },
  "live, in flight": {
    "early tick": ["live"],
    "due tick": ["live", "send-heartbeat"],
    opened: ["live"],
    closed: ["disconnected"],
    changed: ["live"],
    credentials: ["live"],
    welcome: ["live"],
    expected: ["live", "expect"],
    "report-ack": ["live", "report-stored"],
    "heartbeat-reply": ["live"],
    renewal: ["live", "renewed"],
    "sync-now": ["live", "sync-now"],
  },
};

const rows = Object.entries(TABLE).flatMap(([stateName, events]) =>
  Object.entries(events).map(([eventName, row]) => [stateName as StateName, eventName as EventName, row] as const),
);

describe("the agent's session", () => {
  it.each(rows)("%s, on %s", (stateName, eventName, [to, ...actions]) => {
    const state = STATES[stateName];
    const { event, nowMs } = eventOf(eventName, state);
    const step = stepSession(state, event, nowMs);
    expect([step.state.type, ...step.actions.map((action) => action.type)]).toEqual([to, ...actions]);
  });

  it("connects again when its backoff is over", () => {
    const closed = run(idle, [[{ type: "closed", retryInMs: 500 }, 2_000]]);
    expect(nextDueMs(closed)).toBe(2_500);
  });

  it("sends changes made while a report is in flight in one report, after its acknowledgement", () => {
    const waiting = run(inFlight, [
      [{ type: "changed" }, 1_011],
      [{ type: "changed" }, 1_012],
    ]);
    expect(stepSession(waiting, message("report-ack"), 1_020).actions).toEqual([
      { type: "report-stored", number: 1 },
      { type: "send-report", number: 2, full: false },
    ]);
  });

  it("sends one full report after a reconnect, numbered on, whatever was in flight", () => {
    const again = run(inFlight, [
      [{ type: "changed" }, 1_011],
      [{ type: "closed", retryInMs: 0 }, 1_012],
      [{ type: "tick" }, 1_012],
      [{ type: "opened" }, 1_013],
    ]);
    const { actions } = stepSession(again, message("welcome"), 1_014);
    expect(actions.filter((action) => action.type === "send-report")).toEqual([
      { type: "send-report", number: 2, full: true },
    ]);
  });

  it("does not take an old acknowledgement for the one it waits for", () => {
    const late: SessionEvent = { type: "message", message: { type: "report-ack", number: 99 } };
    expect(stepSession(inFlight, late, 1_020).actions).toEqual([]);
  });

  it.each([
    ["silent", "the hub fell silent", [] as const],
    ["talking, but not acknowledging", "the hub did not acknowledge a report", [message("expected")] as const],
  ])("closes when the hub is %s", (_, reason, words) => {
    let state: AgentSession = inFlight;
    let closed: SessionAction | undefined;
    for (let i = 0; i < 10 && closed === undefined; i += 1) {
      const nowMs = nextDueMs(state);
      for (const word of words) state = stepSession(state, word, nowMs).state;
      const step = stepSession(state, { type: "tick" }, nowMs);
      closed = step.actions.find((action) => action.type === "close");
      state = step.state;
    }
    expect(closed).toEqual({ type: "close", reason });
  });

  it("asks for new credentials when they are due, again after a minute, and no more when they came", () => {
    const due = run(idle, [[{ type: "credentials", renewal: { certificateAtMs: 9_000, natsAtMs: 3_000 } }, 2_000]]);
    expect(nextDueMs(due)).toBe(3_000);
    const asked = stepSession(due, { type: "tick" }, 3_000);
    expect(asked.actions).toEqual([{ type: "send-renewal", certificate: false }]);
    const times: number[] = [];
    let state = asked.state;
    while (times.length === 0) {
      const nowMs = nextDueMs(state);
      const heard = stepSession(state, message("expected"), nowMs).state;
      const step = stepSession(heard, { type: "tick" }, nowMs);
      if (step.actions.some((action) => action.type === "send-renewal")) times.push(nowMs);
      state = step.state;
    }
    expect(times).toEqual([3_000 + SESSION_TIMES.renewalRetryMs]);
    const renewed = stepSession(state, { type: "credentials", renewal: NEVER }, 70_000).state;
    expect(renewed).toMatchObject({ renewalSentAtMs: undefined });
  });

  it("measures the hub's clock by the heartbeat that came back fastest", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -3_600_000, max: 3_600_000 }),
        fc.array(fc.record({ out: fc.nat(500), back: fc.nat(500) }), { minLength: 1, maxLength: 20 }),
        (offsetMs, trips) => {
          let nowMs = 10_000_000;
          let state = fresh;
          for (const { out, back } of trips) {
            const reply = { type: "heartbeat-reply", sentAtMs: nowMs, hubAtMs: nowMs + out + offsetMs } as const;
            nowMs += out + back;
            state = stepSession(state, { type: "message", message: reply }, nowMs).state;
          }
          const clock = clockOf(state);
          const fastest = Math.min(...trips.slice(-8).map(({ out, back }) => out + back));
          expect(clock?.roundTripMs).toBe(fastest);
          expect(Math.abs((clock?.offsetMs ?? Number.NaN) - offsetMs)).toBeLessThanOrEqual(fastest / 2 + 1);
        },
      ),
    );
  });

  it("passes over a heartbeat that came back before it was sent, because a clock was set", () => {
    const reply = { type: "heartbeat-reply", sentAtMs: 9_000, hubAtMs: 9_000 } as const;
    expect(clockOf(stepSession(fresh, { type: "message", message: reply }, 8_000).state)).toBeUndefined();
  });

  it("never has two reports in flight, never repeats a number, and loses no change", () => {
    const events: fc.Arbitrary<SessionEvent> = fc.oneof(
      fc.constantFrom<SessionEvent>({ type: "tick" }, { type: "opened" }, { type: "changed" }),
      fc.constant<SessionEvent>({ type: "closed", retryInMs: 1 }),
      fc.constantFrom(...Object.keys(MESSAGES)).map((type) => message(type as HubMessage["type"])),
      fc.nat(30).map((number): SessionEvent => ({ type: "message", message: { type: "report-ack", number } })),
    );
    fc.assert(
      fc.property(fc.array(events, { maxLength: 80 }), (script) => {
        let state = startSession(NEVER, 0);
        let nowMs = 0;
        let last = 0;
        let open = new Set<number>();
        let unreported = false;
        for (const event of script) {
          nowMs += 1_000;
          const step = stepSession(state, event, nowMs);
          if (event.type === "changed") unreported = true;
          if (step.state.type !== "live") open = new Set();
          for (const action of step.actions) {
            if (action.type === "report-stored") open.delete(action.number);
            if (action.type !== "send-report") continue;
            expect(action.number).toBeGreaterThan(last);
            expect(open.size).toBe(0);
            last = action.number;
            open.add(action.number);
            unreported = false;
          }
          state = step.state;
        }
        const isOwed = state.type !== "live" || state.changed || state.nextIsFull;
        expect(unreported && !isOwed).toBe(false);
      }),
    );
  });
});
