import type { SliceNumber } from "../slice/slice.ts";
import { addSample, bestEstimate, type ClockEstimate, type ClockSamples } from "./clock-estimate.ts";
import type { HubMessage, Renewal, Welcome } from "./messages.ts";

/**
 * The agent's end of the session with the hub, as data. Nothing here sends or waits: {@link stepSession} says what to
 * do, {@link nextDueMs} when to step again.
 */
export type AgentSession =
  | (Memory & { readonly type: "disconnected"; readonly retryAtMs: number })
  | (Memory & { readonly type: "connecting"; readonly sinceMs: number })
  | (Memory & { readonly type: "greeting"; readonly sinceMs: number })
  | LiveSession;

export type LiveSession = Memory & {
  readonly type: "live";
  readonly heartbeatDueMs: number;
  readonly lastHeardMs: number;
  /** Echoed in the next heartbeat; 0 before the first reply. */
  readonly hubAtMs: number;
  /** The report that waits for its acknowledgement: at most one, whatever happens meanwhile. */
  readonly inFlight: { readonly number: number; readonly sentAtMs: number } | undefined;
  /** Something changed since the last report was sent. */
  readonly changed: boolean;
  /** The hub has not had a whole picture in this session: what it did not acknowledge before is in it. */
  readonly nextIsFull: boolean;
  readonly renewalSentAtMs: number | undefined;
};

/** What outlives a connection. */
interface Memory {
  readonly reportNumber: number;
  readonly clock: ClockSamples;
  readonly renewal: RenewalTimes;
}

/** From when the credentials should be renewed. */
export interface RenewalTimes {
  readonly certificateAtMs: number;
  readonly natsAtMs: number;
}

export type SessionEvent =
  /** The time {@link nextDueMs} named has come. */
  | { readonly type: "tick" }
  | { readonly type: "opened" }
  | { readonly type: "message"; readonly message: HubMessage }
  /** The stream ended or could not be opened; `retryInMs` is the caller's backoff. */
  | { readonly type: "closed"; readonly retryInMs: number }
  /** There is something new to report. */
  | { readonly type: "changed" }
  | { readonly type: "credentials"; readonly renewal: RenewalTimes };

/** What the caller does, in order. */
export type SessionAction =
  | { readonly type: "connect" }
  | { readonly type: "send-hello" }
  | { readonly type: "send-heartbeat"; readonly sentAtMs: number; readonly hubAtMs: number }
  | { readonly type: "send-report"; readonly number: number; readonly full: boolean }
  | { readonly type: "send-renewal"; readonly certificate: boolean }
  | { readonly type: "report-stored"; readonly number: number }
  | { readonly type: "welcomed"; readonly welcome: Welcome }
  | { readonly type: "expect"; readonly number: SliceNumber }
  | { readonly type: "renewed"; readonly renewal: Renewal }
  | { readonly type: "sync-now"; readonly apps: readonly string[] }
  /** Ends the connection; a `closed` event follows. */
  | { readonly type: "close"; readonly reason: string };

export interface SessionStep {
  readonly state: AgentSession;
  readonly actions: readonly SessionAction[];
}

export const SESSION_TIMES = {
  heartbeatMs: 15_000,
  /** To connect, and to be welcomed. */
  greetingMs: 15_000,
  /** Half-open connections do not end by themselves. */
  silenceMs: 45_000,
  acknowledgementMs: 45_000,
  renewalRetryMs: 60_000,
} as const;

/** Connects at the first tick. */
export function startSession(renewal: RenewalTimes, nowMs: number): AgentSession {
  return { type: "disconnected", retryAtMs: nowMs, reportNumber: 0, clock: [], renewal };
}

/** How far the hub's clock is ahead; undefined before the first heartbeat came back. */
export function clockOf(state: AgentSession): ClockEstimate | undefined {
  return bestEstimate(state.clock);
}

/** When to send the next `tick`. */
export function nextDueMs(state: AgentSession): number {
  switch (state.type) {
    case "disconnected":
      return state.retryAtMs;
    case "connecting":
    case "greeting":
      return state.sinceMs + SESSION_TIMES.greetingMs;
    case "live":
      return Math.min(
        state.heartbeatDueMs,
        state.lastHeardMs + SESSION_TIMES.silenceMs,
        (state.inFlight?.sentAtMs ?? Number.POSITIVE_INFINITY) + SESSION_TIMES.acknowledgementMs,
        renewalDueMs(state),
      );
  }
}

/** One event taken in. Total: an event that means nothing in a state changes nothing. */
export function stepSession(state: AgentSession, event: SessionEvent, nowMs: number): SessionStep {
  switch (event.type) {
    case "tick":
      return tick(state, nowMs);
    case "opened":
      if (state.type !== "connecting") return stay(state);
      return { state: { ...memoryOf(state), type: "greeting", sinceMs: nowMs }, actions: [{ type: "send-hello" }] };
    case "message":
      return receive(state, event.message, nowMs);
    case "closed":
      if (state.type === "disconnected") return stay(state);
      return stay({ ...memoryOf(state), type: "disconnected", retryAtMs: nowMs + event.retryInMs });
    case "changed":
      return state.type === "live" ? flush({ ...state, changed: true }, nowMs) : stay(state);
    case "credentials":
      return stay({
        ...state,
        renewal: event.renewal,
        ...(state.type === "live" ? { renewalSentAtMs: undefined } : {}),
      });
  }
}

function tick(state: AgentSession, nowMs: number): SessionStep {
  if (nowMs < nextDueMs(state)) return stay(state);
  switch (state.type) {
    case "disconnected":
      return { state: { ...memoryOf(state), type: "connecting", sinceMs: nowMs }, actions: [{ type: "connect" }] };
    case "connecting":
      return close({ ...state, sinceMs: nowMs }, "the hub could not be reached in time");
    case "greeting":
      return close({ ...state, sinceMs: nowMs }, "the hub did not answer in time");
    case "live":
      return tickLive(state, nowMs);
  }
}

function tickLive(state: LiveSession, nowMs: number): SessionStep {
  if (nowMs >= state.lastHeardMs + SESSION_TIMES.silenceMs) {
    return close({ ...state, lastHeardMs: nowMs }, "the hub fell silent");
  }
  if (state.inFlight !== undefined && nowMs >= state.inFlight.sentAtMs + SESSION_TIMES.acknowledgementMs) {
    return close({ ...state, inFlight: undefined, nextIsFull: true }, "the hub did not acknowledge a report");
  }
  const actions: SessionAction[] = [];
  let next: LiveSession = state;
  if (nowMs >= state.heartbeatDueMs) {
    actions.push({ type: "send-heartbeat", sentAtMs: nowMs, hubAtMs: state.hubAtMs });
    next = { ...next, heartbeatDueMs: nowMs + SESSION_TIMES.heartbeatMs };
  }
  if (nowMs >= renewalDueMs(state)) {
    actions.push({ type: "send-renewal", certificate: nowMs >= state.renewal.certificateAtMs });
    next = { ...next, renewalSentAtMs: nowMs };
  }
  return { state: next, actions };
}

function receive(state: AgentSession, message: HubMessage, nowMs: number): SessionStep {
  if (state.type === "greeting" && message.type === "welcome") return goLive(state, message, nowMs);
  // Before its welcome a hub has nothing to say, and after the end of a stream its late words do not count.
  if (state.type !== "live") return stay(state);
  const heard: LiveSession = { ...state, lastHeardMs: nowMs };
  switch (message.type) {
    case "welcome":
      return stay(heard);
    case "expected":
      return { state: heard, actions: expect(message.number) };
    case "report-ack": {
      if (state.inFlight?.number !== message.number) return stay(heard);
      const { state: next, actions } = flush({ ...heard, inFlight: undefined }, nowMs);
      return { state: next, actions: [{ type: "report-stored", number: message.number }, ...actions] };
    }
    case "heartbeat-reply": {
      const { sentAtMs, hubAtMs } = message;
      return flush(
        { ...heard, hubAtMs, clock: addSample(state.clock, { sentAtMs, hubAtMs, receivedAtMs: nowMs }) },
        nowMs,
      );
    }
    case "renewal":
      return { state: heard, actions: [{ type: "renewed", renewal: message }] };
    case "sync-now":
      return { state: heard, actions: [{ type: "sync-now", apps: message.apps }] };
  }
}

function goLive(state: AgentSession, welcome: Welcome, nowMs: number): SessionStep {
  const live: LiveSession = {
    ...memoryOf(state),
    type: "live",
    heartbeatDueMs: nowMs + SESSION_TIMES.heartbeatMs,
    lastHeardMs: nowMs,
    hubAtMs: 0,
    inFlight: undefined,
    changed: false,
    nextIsFull: true,
    renewalSentAtMs: undefined,
  };
  const { state: next, actions } = flush(live, nowMs);
  return {
    state: next,
    actions: [
      { type: "welcomed", welcome },
      { type: "send-heartbeat", sentAtMs: nowMs, hubAtMs: 0 },
      ...expect(welcome.expected),
      ...actions,
    ],
  };
}

/** Sends what is to be reported as soon as nothing is in flight and the clock is known (step times go by the hub's). */
function flush(state: LiveSession, nowMs: number): SessionStep {
  const isDue = state.changed || state.nextIsFull;
  if (!isDue || state.inFlight !== undefined || state.clock.length === 0) return stay(state);
  const number = state.reportNumber + 1;
  return {
    state: { ...state, reportNumber: number, inFlight: { number, sentAtMs: nowMs }, changed: false, nextIsFull: false },
    actions: [{ type: "send-report", number, full: state.nextIsFull }],
  };
}

function renewalDueMs(state: LiveSession): number {
  const dueMs = Math.min(state.renewal.certificateAtMs, state.renewal.natsAtMs);
  return state.renewalSentAtMs === undefined
    ? dueMs
    : Math.max(dueMs, state.renewalSentAtMs + SESSION_TIMES.renewalRetryMs);
}

function expect(number: SliceNumber | undefined): readonly SessionAction[] {
  return number === undefined ? [] : [{ type: "expect", number }];
}

function close(state: AgentSession, reason: string): SessionStep {
  return { state, actions: [{ type: "close", reason }] };
}

function stay(state: AgentSession): SessionStep {
  return { state, actions: [] };
}

function memoryOf({ reportNumber, clock, renewal }: AgentSession): Memory {
  return { reportNumber, clock, renewal };
}
