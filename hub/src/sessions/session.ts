import type { ClusterFacts } from "@axle/core/fleet/cluster.ts";
import { startHubSession, stepHubSession } from "@axle/core/session/hub-session.ts";
import type { CloseCode, HubSession, HubSessionAction, HubSessionEvent } from "@axle/core/session/hub-session.ts";
import type { AgentMessage, Hello, HubMessage, Welcome } from "@axle/core/session/messages.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import type { ClusterReport } from "@axle/core/status/report.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { CallError } from "../api/call-error.ts";
import type { Registration } from "../registry-ports.ts";
import type { AgentEvents, AgentLink } from "./ports.ts";

/** What a session needs done; the signal ends with the session. */
export interface SessionDuties {
  /** Throws CallError when the agent may not. */
  admit(session: Session, hello: Hello, signal: AbortSignal): Promise<Welcome>;
  heard(session: Session): void;
  facts(session: Session, facts: ClusterFacts): void;
  /** Resolves once stored. */
  store(session: Session, report: ClusterReport): Promise<void>;
  renew(session: Session, csrPem: string, signal: AbortSignal): Promise<HubMessage>;
  over(session: Session): void;
}

export interface SessionOptions {
  readonly registration: Registration;
  readonly link: AgentLink;
  readonly duties: SessionDuties;
  readonly now: () => number;
  readonly log: Logger;
}

/** One agent's stream: carries out what the state machine in core says. */
export class Session implements AgentEvents {
  readonly registration: Registration;
  readonly #options: SessionOptions;
  readonly #controller = new AbortController();
  #state: HubSession;

  constructor(options: SessionOptions) {
    this.registration = options.registration;
    this.#options = options;
    this.#state = startHubSession(options.now());
  }

  get clusterId(): string {
    return this.registration.id;
  }

  /** Where it comes from. */
  get from(): string {
    return this.#options.link.from;
  }

  /** Ends with the session. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Undefined until it said hello and was welcomed. */
  get incarnation(): number | undefined {
    return this.#state.type === "live" ? this.#state.incarnation : undefined;
  }

  receive(message: AgentMessage): void {
    this.#step({ type: "message", message });
  }

  ended(): void {
    this.#step({ type: "ended" });
  }

  tick(): void {
    this.#step({ type: "tick" });
  }

  published(number: SliceNumber | undefined): void {
    this.#step({ type: "published", number });
  }

  /** Sent when it is live; a hub message that answers nothing. */
  say(message: HubMessage): void {
    this.#step({ type: "say", message });
  }

  cut(code: CloseCode, reason: string): void {
    this.#step({ type: "cut", code, reason });
  }

  #step(event: HubSessionEvent): void {
    const before = this.#state;
    const { state, actions } = stepHubSession(before, event, this.#options.now());
    this.#state = state;
    for (const action of actions) this.#perform(action);
    if (state.type !== "closed" || before.type === "closed") return;
    this.#controller.abort();
    this.#options.duties.over(this);
  }

  #perform(action: HubSessionAction): void {
    const { duties, link, log } = this.#options;
    const { signal } = this.#controller;
    switch (action.type) {
      case "admit":
        this.#follow(duties.admit(this, action.hello, signal), (welcome) => ({ type: "welcomed", welcome }));
        break;
      case "send":
        link.send(action.message);
        break;
      case "heard":
        duties.heard(this);
        break;
      case "facts":
        duties.facts(this, action.facts);
        break;
      case "store":
        this.#follow(duties.store(this, action.report), () => ({ type: "stored", number: action.report.number }));
        break;
      case "renew":
        this.#follow(duties.renew(this, action.csrPem, signal), (message) => ({ type: "say", message }));
        break;
      case "close":
        log.info({ code: action.code, reason: action.reason }, "session closed by the hub");
        link.close(action.code, action.reason);
    }
  }

  /** Steps on with what a duty gives; one that fails ends the session, and the agent comes again. */
  #follow<T>(duty: Promise<T>, eventOf: (result: T) => HubSessionEvent): void {
    duty.then(
      (result) => this.#step(eventOf(result)),
      (error: unknown) => {
        if (this.#state.type === "closed") return;
        const shown = CallError.from(error);
        if (shown !== error) this.#options.log.error({ error }, "session failed");
        this.cut(closeCodeOf(shown), shown.message);
      },
    );
  }
}

function closeCodeOf(error: CallError): CloseCode {
  switch (error.code) {
    case "aborted":
      return "superseded";
    case "invalid-argument":
      return "protocol";
    case "permission-denied":
    case "failed-precondition":
    case "unauthenticated":
      return "refused";
    case "not-found":
    case "already-exists":
    case "unavailable":
    case "internal":
      return "unavailable";
  }
}
