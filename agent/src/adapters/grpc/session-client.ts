import type { ClusterFacts } from "@axle/core/fleet/cluster.ts";
import {
  type AgentSession,
  clockOf,
  nextDueMs,
  type SessionAction,
  type SessionEvent,
  startSession,
  stepSession,
} from "@axle/core/session/agent-session.ts";
import {
  type AgentMessage,
  type Hello,
  type Renewal,
  SESSION_PROTOCOL,
  type Welcome,
} from "@axle/core/session/messages.ts";
import { SLICE_FORMAT, type SliceNumber } from "@axle/core/slice/slice.ts";
import { Backoff } from "@axle/runtime/backoff.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { SayOnce } from "@axle/runtime/say-once.ts";
import type { Service } from "@axle/runtime/service.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import { HubError, type HubErrorCode } from "../../hub-error.ts";
import type { Credentials } from "../../join/credentials.ts";
import type { HubSession } from "../../ports.ts";
import type { ReportBook } from "../../report-book.ts";
import { hubErrorFrom } from "./grpc-error.ts";
import { openSessionStream, type SessionStream } from "./session-stream.ts";

export interface SessionClientOptions {
  readonly credentials: Credentials;
  readonly book: ReportBook;
  readonly agentVersion: string;
  /** Greater for every start of an agent in this cluster. */
  readonly incarnation: number;
  /** Random for each start: tells this agent from another with its key. */
  readonly instance: string;
  /** Whether this agent surely leads in its cluster. Asked at every hello. */
  readonly isSure: () => boolean;
  /** Asked at every hello. */
  readonly accepted: () => SliceNumber | undefined;
  readonly facts: () => ClusterFacts;
  readonly handlers: SessionHandlers;
  readonly log: Logger;
  readonly now?: () => number;
  readonly backoff?: Backoff;
}

/** What the hub says beyond the protocol's own needs. */
export interface SessionHandlers {
  /** The slice the hub thinks this cluster should be on: shows one that NATS withholds. */
  expect(number: SliceNumber): void;
  /** Empty means all apps. */
  syncNow(apps: readonly string[]): void;
  /** The hub answered that this agent may not connect. */
  refused(): void;
}

/** Drives the pure session of core over gRPC streams, one at a time, for as long as the agent works. */
export class SessionClient implements HubSession, Service {
  readonly name = "hub-session";
  readonly #options: SessionClientOptions;
  readonly #now: () => number;
  readonly #backoff: Backoff;
  readonly #saying: SayOnce;
  #state: AgentSession;
  #stream: SessionStream | undefined;
  #saidFacts = "";
  #saidCode: HubErrorCode | undefined;
  #signal: AbortSignal | undefined;
  #nap = new AbortController();

  constructor(options: SessionClientOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#backoff = options.backoff ?? new Backoff({ firstMs: 500, longestMs: 30_000 });
    this.#saying = new SayOnce(options.log);
    this.#state = startSession(options.credentials.renewalTimes(), this.#now());
  }

  get isLive(): boolean {
    return this.#state.type === "live";
  }

  changed(): void {
    this.#dispatch({ type: "changed" });
  }

  hubNowMs(): number {
    return this.#now() + (clockOf(this.#state)?.offsetMs ?? 0);
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    try {
      while (!signal.aborted) {
        const waitMs = nextDueMs(this.#state) - this.#now();
        if (waitMs <= 0) this.#dispatch({ type: "tick" });
        else await this.#napFor(waitMs, signal);
      }
    } finally {
      this.#stream?.finish();
      this.#stream = undefined;
    }
  }

  /** Waits, but not longer than until the state changes. */
  async #napFor(waitMs: number, signal: AbortSignal): Promise<void> {
    this.#nap = new AbortController();
    const wake = () => this.#nap.abort();
    signal.addEventListener("abort", wake, { once: true });
    try {
      await sleep(Math.min(waitMs, 60_000), this.#nap.signal);
    } catch {
      // Woken early: the loop looks at what is due now.
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }

  #dispatch(event: SessionEvent): void {
    const step = stepSession(this.#state, event, this.#now());
    this.#state = step.state;
    for (const action of step.actions) this.#carryOut(action);
    this.#nap.abort();
  }

  #carryOut(action: SessionAction): void {
    const { book, credentials, handlers, log } = this.#options;
    switch (action.type) {
      case "connect":
        void this.#connect();
        return;
      case "send-hello":
        this.#send(this.#hello());
        return;
      case "send-heartbeat":
        this.#send({ type: "heartbeat", sentAtMs: action.sentAtMs, hubAtMs: action.hubAtMs, ...this.#newFacts() });
        return;
      case "send-report": {
        const clockOffsetMs = clockOf(this.#state)?.offsetMs ?? 0;
        this.#send({ type: "report", report: book.take({ ...action, clockOffsetMs }) });
        return;
      }
      case "send-renewal":
        this.#send({ type: "renewal", csrPem: action.certificate ? credentials.identity.csrPem : "" });
        return;
      case "report-stored":
        book.stored();
        return;
      case "welcomed":
        this.#welcomed(action.welcome);
        return;
      case "renewed":
        void this.#renew(action.renewal);
        return;
      case "expect":
        handlers.expect(action.number);
        return;
      case "sync-now":
        handlers.syncNow(action.apps);
        return;
      case "close":
        log.debug({ reason: action.reason }, "closing the session");
        this.#close(new HubError("away", action.reason));
    }
  }

  async #connect(): Promise<void> {
    const signal = this.#signal;
    if (signal === undefined || signal.aborted) return;
    const { credentials } = this.#options;
    try {
      await credentials.ensureValid(signal);
      signal.throwIfAborted();
      this.#stream = this.#open();
    } catch (error) {
      this.#close(error);
      return;
    }
    this.#dispatch({ type: "opened" });
  }

  #open(): SessionStream {
    const stream: SessionStream = openSessionStream(this.#options.credentials.identity, {
      message: (message) => {
        if (this.#stream === stream) this.#dispatch({ type: "message", message });
      },
      closed: (error) => {
        if (this.#stream === stream) this.#close(error);
      },
    });
    return stream;
  }

  #close(error: unknown): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.close();
    if (this.#signal?.aborted === true) return;
    const failure = hubErrorFrom(error, "the session with the hub");
    // A hub that is away is one event, however many ways of not answering it goes through.
    if (failure.code !== this.#saidCode) this.#saying.failed(failure, "the hub is away, trying again until it answers");
    this.#saidCode = failure.code;
    if (failure.code === "refused") this.#options.handlers.refused();
    this.#dispatch({ type: "closed", retryInMs: this.#backoff.nextMs() });
  }

  #send(message: AgentMessage): void {
    this.#stream?.send(message);
  }

  #hello(): Hello {
    const { agentVersion, incarnation, instance, isSure } = this.#options;
    const facts = this.#options.facts();
    this.#saidFacts = JSON.stringify(facts);
    return {
      type: "hello",
      protocol: SESSION_PROTOCOL,
      agentVersion,
      incarnation,
      instance,
      ...(isSure() ? {} : { unsure: true }),
      accepted: this.#options.accepted(),
      sliceFormats: [SLICE_FORMAT],
      facts,
    };
  }

  /** The facts when they are not what the hub was told last. */
  #newFacts(): { facts?: ClusterFacts } {
    const facts = this.#options.facts();
    const text = JSON.stringify(facts);
    if (text === this.#saidFacts) return {};
    this.#saidFacts = text;
    return { facts };
  }

  #welcomed({ hubVersion, nats, keySet }: Welcome): void {
    this.#backoff.reset();
    this.#saidCode = undefined;
    this.#saying.recovered("the hub is back");
    this.#options.log.info({ hubVersion }, "connected to the hub");
    void this.#renew({ type: "renewal", certificatePem: "", nats, keySet });
  }

  async #renew(renewal: Renewal): Promise<void> {
    const { credentials } = this.#options;
    await credentials.take(renewal, this.#signal ?? AbortSignal.abort());
    this.#dispatch({ type: "credentials", renewal: credentials.renewalTimes() });
  }
}
