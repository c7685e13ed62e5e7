import { describe, expect, test } from "vitest";
import { HUB_SESSION_TIMES, startHubSession, stepHubSession } from "./hub-session.ts";
import type { HubSession, HubSessionAction, HubSessionEvent } from "./hub-session.ts";
import type { Hello, Welcome } from "./messages.ts";

const hello: Hello = {
  type: "hello",
  protocol: 3,
  agentVersion: "0.1.0",
  incarnation: 4,
  accepted: undefined,
  sliceFormats: [1],
  facts: { kubernetesVersion: "", provider: "", nodes: 0, apiVersions: [] },
};
const welcome: Welcome = {
  type: "welcome",
  protocol: 1,
  hubVersion: "0.1.0",
  clusterName: "prod-1",
  nats: undefined,
  keySet: { version: 1, keys: [], rootPublicKey: "", signature: "" },
  expected: { epoch: 1, n: 1 },
};
const emptyReport = {
  full: true,
  slice: undefined,
  applied: false,
  apps: [],
  removed: [],
  timings: [],
  refusal: "",
};

const states = {
  greeting: startHubSession(0),
  admitting: { type: "admitting", sinceMs: 0, hello },
  live: { type: "live", incarnation: 4, lastReport: 7, lastHeardMs: 0, told: { epoch: 1, n: 1 } },
  closed: { type: "closed" },
} as const satisfies Record<HubSession["type"], HubSession>;

const events = {
  hello: { type: "message", message: hello },
  nextReport: { type: "message", message: { type: "report", report: { ...emptyReport, number: 8, full: false } } },
  lateReport: { type: "message", message: { type: "report", report: { ...emptyReport, number: 7 } } },
  gapReport: { type: "message", message: { type: "report", report: { ...emptyReport, number: 9, full: false } } },
  wholeReport: { type: "message", message: { type: "report", report: { ...emptyReport, number: 12 } } },
  heartbeat: { type: "message", message: { type: "heartbeat", sentAtMs: 5, hubAtMs: 0 } },
  renewal: { type: "message", message: { type: "renewal", csrPem: "csr" } },
  welcomed: { type: "welcomed", welcome },
  stored: { type: "stored", number: 8 },
  say: { type: "say", message: { type: "sync-now", apps: [] } },
  publishedSame: { type: "published", number: { epoch: 1, n: 1 } },
  publishedNew: { type: "published", number: { epoch: 1, n: 2 } },
  tick: { type: "tick" },
  ended: { type: "ended" },
  cut: { type: "cut", code: "refused", reason: "revoked" },
} as const satisfies Record<string, HubSessionEvent>;

type Outcome = readonly [state: HubSession["type"], ...actions: string[]];

const ignored = (state: HubSession["type"]): Outcome => [state];
const expected: Record<keyof typeof states, Record<keyof typeof events, Outcome>> = {
  greeting: {
    hello: ["admitting", "admit"],
    nextReport: ["closed", "close protocol"],
    lateReport: ["closed", "close protocol"],
    gapReport: ["closed", "close protocol"],
    wholeReport: ["closed", "close protocol"],
    heartbeat: ["closed", "close protocol"],
    renewal: ["closed", "close protocol"],
    welcomed: ignored("greeting"),
    stored: ignored("greeting"),
    say: ignored("greeting"),
    publishedSame: ignored("greeting"),
    publishedNew: ignored("greeting"),
    tick: ignored("greeting"),
    ended: ["closed"],
    cut: ["closed", "close refused"],
  },
  admitting: {
    hello: ["closed", "close protocol"],
    nextReport: ["closed", "close protocol"],
    lateReport: ["closed", "close protocol"],
    gapReport: ["closed", "close protocol"],
    wholeReport: ["closed", "close protocol"],
    heartbeat: ["closed", "close protocol"],
    renewal: ["closed", "close protocol"],
    welcomed: ["live", "heard", "send welcome"],
    stored: ignored("admitting"),
    say: ignored("admitting"),
    publishedSame: ignored("admitting"),
    publishedNew: ignored("admitting"),
    tick: ignored("admitting"),
    ended: ["closed"],
    cut: ["closed", "close refused"],
  },
  live: {
    hello: ["closed", "close protocol"],
    nextReport: ["live", "heard", "store 8"],
    lateReport: ["closed", "close protocol"],
    gapReport: ["closed", "close resend"],
    wholeReport: ["live", "heard", "store 12"],
    heartbeat: ["live", "heard", "send heartbeat-reply"],
    renewal: ["live", "heard", "renew"],
    welcomed: ignored("live"),
    stored: ["live", "send report-ack"],
    say: ["live", "send sync-now"],
    publishedSame: ignored("live"),
    publishedNew: ["live", "send expected"],
    tick: ignored("live"),
    ended: ["closed"],
    cut: ["closed", "close refused"],
  },
  closed: {
    hello: ignored("closed"),
    nextReport: ignored("closed"),
    lateReport: ignored("closed"),
    gapReport: ignored("closed"),
    wholeReport: ignored("closed"),
    heartbeat: ignored("closed"),
    renewal: ignored("closed"),
    welcomed: ignored("closed"),
    stored: ignored("closed"),
    say: ignored("closed"),
    publishedSame: ignored("closed"),
    publishedNew: ignored("closed"),
    tick: ignored("closed"),
    ended: ignored("closed"),
    cut: ignored("closed"),
  },
};

function outcomeOf(state: HubSession, event: HubSessionEvent, nowMs = 1): Outcome {
  const step = stepHubSession(state, event, nowMs);
  return [step.state.type, ...step.actions.map(describeAction)];
}

function describeAction(action: HubSessionAction): string {
  switch (action.type) {
    case "send":
      return `send ${action.message.type}`;
    case "store":
      return `store ${action.report.number}`;
    case "close":
      return `close ${action.code}`;
    case "admit":
    case "heard":
    case "facts":
    case "renew":
      return action.type;
  }
}

describe("the hub's end of a session", () => {
  for (const state of Object.keys(states) as (keyof typeof states)[]) {
    test(`does in state ${state} exactly what the table says`, () => {
      const found = Object.entries(events).map(([name, event]) => [name, outcomeOf(states[state], event)]);
      expect(Object.fromEntries(found)).toEqual(expected[state]);
    });
  }

  test("S9: the first report of a session has to be whole", () => {
    const fresh: HubSession = { ...states.live, lastReport: undefined };
    expect(outcomeOf(fresh, events.nextReport)).toEqual(["closed", "close resend"]);
    expect(outcomeOf(fresh, events.wholeReport)).toEqual(["live", "heard", "store 12"]);
  });

  test("S8: ends after 45 s without a word, and only then", () => {
    const { silenceMs, greetingMs } = HUB_SESSION_TIMES;
    expect(outcomeOf(states.live, events.tick, silenceMs - 1)).toEqual(["live"]);
    expect(outcomeOf(states.live, events.tick, silenceMs)).toEqual(["closed", "close silent"]);
    const heard = stepHubSession(states.live, events.heartbeat, silenceMs - 1).state;
    expect(outcomeOf(heard, events.tick, silenceMs)).toEqual(["live"]);
    expect(outcomeOf(states.greeting, events.tick, greetingMs)).toEqual(["closed", "close silent"]);
    expect(outcomeOf(states.admitting, events.tick, greetingMs)).toEqual(["closed", "close unavailable"]);
  });

  test("answers in the older of both protocols, and a heartbeat with both clocks", () => {
    expect(stepHubSession(states.admitting, events.welcomed, 1).actions).toContainEqual({
      type: "send",
      message: { ...welcome, protocol: 1 },
    });
    expect(stepHubSession(states.live, events.heartbeat, 9).actions).toContainEqual({
      type: "send",
      message: { type: "heartbeat-reply", sentAtMs: 5, hubAtMs: 9 },
    });
  });
});
