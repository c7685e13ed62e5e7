import type { ClusterFacts } from "../fleet/cluster.ts";
import type { SliceNumber } from "../slice/slice.ts";
import { compareNumbers } from "../slice/slice.ts";
import type { ClusterReport } from "../status/report.ts";
import { SESSION_PROTOCOL } from "./messages.ts";
import type { AgentMessage, Hello, HubMessage, Welcome } from "./messages.ts";

/**
 * The hub's end of a session with one agent, as data. Nothing here sends or waits: {@link stepHubSession} says what to do.
 */
export type HubSession =
  /** Connected, has not said who it is. */
  | { readonly type: "greeting"; readonly sinceMs: number }
  /** Said hello; its welcome is being made. */
  | { readonly type: "admitting"; readonly sinceMs: number; readonly hello: Hello }
  | LiveHubSession
  | { readonly type: "closed" };

export interface LiveHubSession {
  readonly type: "live";
  readonly incarnation: number;
  /** Number of the last report taken in within this session; undefined before the first, which has to be whole. */
  readonly lastReport: number | undefined;
  readonly lastHeardMs: number;
  /** What the agent was last told to be on. */
  readonly told: SliceNumber | undefined;
}

export type HubSessionEvent =
  | { readonly type: "message"; readonly message: AgentMessage }
  | { readonly type: "welcomed"; readonly welcome: Welcome }
  /** A report is stored durably. */
  | { readonly type: "stored"; readonly number: number }
  | { readonly type: "say"; readonly message: HubMessage }
  | { readonly type: "published"; readonly number: SliceNumber | undefined }
  | { readonly type: "tick" }
  /** The stream ended, by the agent or on the way. */
  | { readonly type: "ended" }
  /** The hub ends it. */
  | { readonly type: "cut"; readonly code: CloseCode; readonly reason: string };

/**
 * Why the hub ends a session. `protocol`: what the agent said makes no sense here. `resend`: reports are missing, connect
 * again and send a whole one. `silent`: nothing heard. `superseded`: a newer connection of this agent took over.
 * `refused`: this agent may not. `unavailable`: the hub stops or cannot serve now.
 */
export type CloseCode = "protocol" | "resend" | "silent" | "superseded" | "refused" | "unavailable";

/** What the caller does, in order. */
export type HubSessionAction =
  /** Make a welcome, then step with `welcomed`; or `cut`. */
  | { readonly type: "admit"; readonly hello: Hello }
  | { readonly type: "send"; readonly message: HubMessage }
  /** The agent is alive at this moment. */
  | { readonly type: "heard" }
  /** What the agent says of its cluster has changed. */
  | { readonly type: "facts"; readonly facts: ClusterFacts }
  /** Store the report, then step with `stored`. */
  | { readonly type: "store"; readonly report: ClusterReport }
  /** Issue, then `say` the renewal. */
  | { readonly type: "renew"; readonly csrPem: string }
  | { readonly type: "close"; readonly code: CloseCode; readonly reason: string };

export interface HubSessionStep {
  readonly state: HubSession;
  readonly actions: readonly HubSessionAction[];
}

export const HUB_SESSION_TIMES = {
  /** From the connection to hello, and to the welcome. */
  greetingMs: 15_000,
  /** A connection nothing came over for so long is half-open: the agent counts as offline. */
  silenceMs: 45_000,
} as const;

/** A session that has just been connected. */
export function startHubSession(nowMs: number): HubSession {
  return { type: "greeting", sinceMs: nowMs };
}

/** One event taken in. Total: an event that means nothing in a state changes nothing. */
export function stepHubSession(state: HubSession, event: HubSessionEvent, nowMs: number): HubSessionStep {
  if (state.type === "closed") return stay(state);
  switch (event.type) {
    case "message":
      return receive(state, event.message, nowMs);
    case "welcomed":
      return state.type === "admitting" ? goLive(state.hello, event.welcome, nowMs) : stay(state);
    case "stored":
      return state.type === "live" ? send(state, { type: "report-ack", number: event.number }) : stay(state);
    case "say":
      return state.type === "live" ? send(state, event.message) : stay(state);
    case "published":
      return state.type === "live" ? tell(state, event.number) : stay(state);
    case "tick":
      return tick(state, nowMs);
    case "ended":
      return { state: { type: "closed" }, actions: [] };
    case "cut":
      return close(event.code, event.reason);
  }
}

function receive(state: Exclude<HubSession, { type: "closed" }>, message: AgentMessage, nowMs: number): HubSessionStep {
  if (state.type === "greeting") {
    if (message.type !== "hello") return close("protocol", `expected hello, got ${message.type}`);
    if (message.protocol < 1) return close("protocol", "hello names no protocol version");
    return {
      state: { type: "admitting", sinceMs: state.sinceMs, hello: message },
      actions: [{ type: "admit", hello: message }],
    };
  }
  if (state.type === "admitting") return close("protocol", `expected nothing before the welcome, got ${message.type}`);
  const heard: LiveHubSession = { ...state, lastHeardMs: nowMs };
  switch (message.type) {
    case "hello":
      return close("protocol", "hello was said already in this session");
    case "heartbeat": {
      const reply: HubMessage = { type: "heartbeat-reply", sentAtMs: message.sentAtMs, hubAtMs: nowMs };
      const facts: readonly HubSessionAction[] =
        message.facts === undefined ? [] : [{ type: "facts", facts: message.facts }];
      return { state: heard, actions: [{ type: "heard" }, { type: "send", message: reply }, ...facts] };
    }
    case "renewal":
      return { state: heard, actions: [{ type: "heard" }, { type: "renew", csrPem: message.csrPem }] };
    case "report":
      return receiveReport(heard, message.report);
  }
}

/** In the order of their numbers, none left out: a delta on top of a gap would be a status that never was. */
function receiveReport(state: LiveHubSession, report: ClusterReport): HubSessionStep {
  const { lastReport } = state;
  const isNext = lastReport === undefined ? report.full : report.number === lastReport + 1 || report.full;
  if (lastReport !== undefined && report.number <= lastReport) {
    return close("protocol", `report ${report.number} came after report ${lastReport}`);
  }
  if (!isNext) {
    const missing =
      lastReport === undefined ? "the first of a session has to be whole" : `${lastReport + 1} is missing`;
    return close("resend", `report ${report.number} cannot be used: ${missing}`);
  }
  return {
    state: { ...state, lastReport: report.number },
    actions: [{ type: "heard" }, { type: "store", report }],
  };
}

function goLive(hello: Hello, welcome: Welcome, nowMs: number): HubSessionStep {
  const state: LiveHubSession = {
    type: "live",
    incarnation: hello.incarnation,
    lastReport: undefined,
    lastHeardMs: nowMs,
    told: welcome.expected,
  };
  const protocol = Math.min(hello.protocol, SESSION_PROTOCOL);
  return { state, actions: [{ type: "heard" }, { type: "send", message: { ...welcome, protocol } }] };
}

function tell(state: LiveHubSession, number: SliceNumber | undefined): HubSessionStep {
  const { told } = state;
  const isSame = number === undefined ? told === undefined : told !== undefined && compareNumbers(number, told) === 0;
  return isSame ? stay(state) : send({ ...state, told: number }, { type: "expected", number });
}

function tick(state: Exclude<HubSession, { type: "closed" }>, nowMs: number): HubSessionStep {
  if (state.type === "live") {
    if (nowMs - state.lastHeardMs < HUB_SESSION_TIMES.silenceMs) return stay(state);
    return close("silent", `nothing heard for ${HUB_SESSION_TIMES.silenceMs / 1_000} s`);
  }
  if (nowMs - state.sinceMs < HUB_SESSION_TIMES.greetingMs) return stay(state);
  return state.type === "greeting"
    ? close("silent", "no hello in time")
    : close("unavailable", "the hub could not make the agent's credentials in time");
}

function send(state: LiveHubSession, message: HubMessage): HubSessionStep {
  return { state, actions: [{ type: "send", message }] };
}

function close(code: CloseCode, reason: string): HubSessionStep {
  return { state: { type: "closed" }, actions: [{ type: "close", code, reason }] };
}

function stay(state: HubSession): HubSessionStep {
  return { state, actions: [] };
}
