import { canonicalJson } from "@axle/core/manifest/canonical-json.ts";
import { SLICE_FORMAT } from "@axle/core/slice/slice.ts";
import { SESSION_PROTOCOL } from "@axle/core/session/messages.ts";
import type { Hello, HubMessage, Welcome } from "@axle/core/session/messages.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { Service } from "@axle/runtime/service.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import { CallError } from "../api/call-error.ts";
import type { AgentCredentials } from "../join/agent-credentials.ts";
import { isConflict } from "../join/store-conflict.ts";
import type { KeyedStore, Registration } from "../registry-ports.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";
import type { FleetView } from "./fleet-view.ts";
import type { AgentEvents, AgentLink, PublishedSlices } from "./ports.ts";
import { Session } from "./session.ts";
import type { SessionDuties } from "./session.ts";

export interface SessionsOptions {
  readonly view: FleetView;
  readonly directory: ClusterDirectory;
  readonly clusters: KeyedStore<Registration>;
  readonly credentials: AgentCredentials;
  readonly slices: PublishedSlices;
  readonly hubVersion: string;
  readonly now: () => number;
  readonly log: Logger;
}

const TICK_MS = 1_000;

/**
 * All connected agents, at most one connection per cluster: a newer connection replaces the older, except that an older
 * start of the agent never replaces a newer one that is alive.
 */
export class Sessions implements Service {
  readonly name = "sessions";
  readonly #options: SessionsOptions;
  /** Connected, whatever their state. */
  readonly #open = new Set<Session>();
  /** Welcomed, by cluster id. */
  readonly #current = new Map<string, Session>();
  readonly #duties: SessionDuties;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#duties = {
      admit: (session, hello, signal) => this.#admit(session, hello, signal),
      heard: (session) => {
        if (this.#current.get(session.clusterId) === session) options.view.heard(session.clusterId);
      },
      facts: (session, facts) => this.#refresh(session, { facts }),
      store: (session, report) => options.view.record(session.clusterId, report),
      renew: (session, csrPem, signal) => this.#renew(session, csrPem, signal),
      over: (session) => this.#over(session),
    };
  }

  /** Takes a stream of an agent whose certificate was checked. The transport tells the result what it hears. */
  connect(registration: Registration, link: AgentLink): AgentEvents {
    const { now } = this.#options;
    const log = this.#options.log.child({ cluster: registration.name, from: link.from });
    const session = new Session({ registration, link, duties: this.#duties, now, log });
    this.#open.add(session);
    return session;
  }

  /** Tells agents what they should be on, ends silent sessions and those of clusters that may not any more. Until stopped; then ends all. */
  async run(signal: AbortSignal): Promise<void> {
    const { slices, directory } = this.#options;
    const ends = [
      slices.onPublished((clusterIds) => {
        for (const id of clusterIds) this.#current.get(id)?.published(slices.expected(id));
      }),
      directory.onChange((id) => this.#recheck(id)),
    ];
    try {
      while (!signal.aborted) {
        await sleep(TICK_MS, signal);
        for (const session of this.#open) session.tick();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      for (const end of ends) end();
      this.endAll();
    }
  }

  /** The hub stops: agents are told to come again. */
  endAll(): void {
    for (const session of this.#open) session.cut("unavailable", "the hub is stopping");
  }

  async #admit(session: Session, hello: Hello, signal: AbortSignal): Promise<Welcome> {
    const { view, slices, credentials, hubVersion, log } = this.#options;
    const { clusterId, registration } = session;
    if (!hello.sliceFormats.includes(SLICE_FORMAT)) {
      const formats = hello.sliceFormats.join(", ");
      throw new CallError(
        "failed-precondition",
        `this hub writes slices of format ${SLICE_FORMAT}, the agent reads ${formats}`,
      );
    }
    const before = this.#current.get(clusterId);
    if (before?.incarnation !== undefined && before.incarnation > hello.incarnation) {
      throw new CallError("aborted", "a newer start of this agent is connected; only one agent works per cluster");
    }
    const nats = await credentials.issueNats(clusterId, signal);
    signal.throwIfAborted();
    this.#current.get(clusterId)?.cut("superseded", "a newer connection of this agent took over");
    this.#current.set(clusterId, session);
    view.opened(clusterId, hello);
    log.info({ cluster: registration.name, agent: hello.agentVersion }, "agent connected");
    this.#refresh(session, { agentVersion: hello.agentVersion, facts: hello.facts });
    return {
      type: "welcome",
      protocol: SESSION_PROTOCOL,
      hubVersion,
      clusterName: registration.name,
      nats,
      keySet: credentials.keySet,
      expected: slices.expected(clusterId),
    };
  }

  async #renew(session: Session, csrPem: string, signal: AbortSignal): Promise<HubMessage> {
    const { credentials } = this.#options;
    const certificatePem = csrPem === "" ? "" : await credentials.renewCertificate(session.registration, csrPem);
    const nats = await credentials.issueNats(session.clusterId, signal);
    return { type: "renewal", certificatePem, nats, keySet: credentials.keySet };
  }

  /** Facts and version go into the registration, where the resolver reads them. Not waited for: the session does not depend on it. */
  #refresh(session: Session, change: Partial<Pick<Registration, "agentVersion" | "facts">>): void {
    const { clusters, log } = this.#options;
    const { id, name } = session.registration;
    const store = async () => {
      while (true) {
        const stored = await clusters.get(id, session.signal);
        if (stored === undefined) return;
        const value: Registration = { ...stored.value, ...change };
        if (canonicalJson(value) === canonicalJson(stored.value)) return;
        try {
          await clusters.update(id, { value, revision: stored.revision }, session.signal);
          return;
        } catch (error) {
          if (!isConflict(error)) throw error;
        }
      }
    };
    store().catch((error: unknown) => {
      if (!session.signal.aborted) log.warn({ cluster: name, error }, "facts of the cluster not stored");
    });
  }

  #recheck(clusterId: string): void {
    const registration = this.#options.directory.get(clusterId);
    for (const session of this.#open) {
      if (session.clusterId !== clusterId) continue;
      if (registration === undefined || registration.state !== "active") {
        session.cut("refused", "this cluster may not connect any more");
      } else if (registration.keyFingerprint !== session.registration.keyFingerprint) {
        session.cut("refused", "this cluster is bound to another key now");
      }
    }
  }

  #over(session: Session): void {
    this.#open.delete(session);
    if (this.#current.get(session.clusterId) !== session) return;
    this.#current.delete(session.clusterId);
    this.#options.view.closed(session.clusterId);
    this.#options.log.info({ cluster: session.registration.name }, "agent disconnected");
  }
}
