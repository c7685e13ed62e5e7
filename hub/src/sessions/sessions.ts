import { canonicalJson } from "@axle/core/manifest/canonical-json.ts";
import { findTwins, noteSign } from "@axle/core/session/find-twins.ts";
import type { AgentSign } from "@axle/core/session/find-twins.ts";
import { SLICE_FORMAT } from "@axle/core/slice/slice.ts";
import { SESSION_PROTOCOL } from "@axle/core/session/messages.ts";
import type { Hello, HubMessage, Welcome } from "@axle/core/session/messages.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { Service } from "@axle/runtime/service.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import { CallError } from "../api/call-error.ts";
import type { AgentCredentials } from "../join/agent-credentials.ts";
import { barredBecause } from "../join/cluster-state.ts";
import type { Departures } from "../join/departures.ts";
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
  /** Puts a cluster on hold. */
  readonly departures: Pick<Departures, "hold">;
  readonly hubVersion: string;
  readonly now: () => number;
  readonly log: Logger;
}

const TICK_MS = 1_000;
const HOLD_TIMEOUT_MS = 15_000;

/**
 * All connected agents, at most one connection per cluster: a newer connection replaces the older, except that an older
 * start of the agent never replaces a newer one that is alive. When two agents keep answering with one key, neither is
 * served any more until a person has looked.
 */
export class Sessions implements Service {
  readonly name = "sessions";
  readonly #options: SessionsOptions;
  /** Connected, whatever their state. */
  readonly #open = new Set<Session>();
  /** Welcomed, by cluster id. */
  readonly #current = new Map<string, Session>();
  /** Which agent speaks on a session. */
  readonly #agents = new Map<Session, string>();
  /** By cluster id: who gave signs of life lately. */
  readonly #signs = new Map<string, readonly AgentSign[]>();
  readonly #holding = new Set<string>();
  readonly #duties: SessionDuties;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#duties = {
      admit: (session, hello, signal) => this.#admit(session, hello, signal),
      heard: (session) => {
        if (this.#current.get(session.clusterId) !== session) return;
        options.view.heard(session.clusterId);
        this.#noteSign(session);
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

  /** Tells a cluster's agent to look at these apps now, or at all; false when it is not connected here. */
  syncNow(clusterId: string, apps: readonly string[]): boolean {
    const session = this.#current.get(clusterId);
    if (session?.incarnation === undefined) return false;
    session.say({ type: "sync-now", apps });
    return true;
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
    this.#agents.set(session, hello.instance ?? `start ${hello.incarnation}`);
    const before = this.#current.get(clusterId);
    // One that cannot reach its API server is no rival of the one that leads there now, and does not take its place.
    if (hello.unsure !== true) this.#noteSign(session);
    else if (before !== undefined && this.#agents.get(before) !== this.#agents.get(session)) {
      throw new CallError("aborted", "another agent works in this cluster; this one has lost sight of its lease");
    }
    if (before?.incarnation !== undefined && before.incarnation > hello.incarnation) {
      throw new CallError("aborted", "a newer start of this agent is connected; only one agent works per cluster");
    }
    const nats = await credentials.issueNats(registration, signal);
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
    const nats = await credentials.issueNats(session.registration, signal);
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

  /** A sign of life of one agent; when another has been giving some as long, the cluster is put on hold. */
  #noteSign(session: Session): void {
    const { departures, now, log } = this.#options;
    const { clusterId, from, registration } = session;
    const agent = this.#agents.get(session);
    if (agent === undefined) return;
    const signs = noteSign(this.#signs.get(clusterId) ?? [], { agent, from }, now());
    this.#signs.set(clusterId, signs);
    const twins = findTwins(signs);
    if (twins === undefined || this.#holding.has(clusterId)) return;
    this.#holding.add(clusterId);
    const reason = `two agents keep answering with its key, from ${twins.map((twin) => twin.from).join(" and ")}`;
    departures
      .hold(registration, reason, AbortSignal.timeout(HOLD_TIMEOUT_MS))
      .then(() => this.#signs.delete(clusterId))
      .catch((error: unknown) =>
        log.warn({ cluster: registration.name, error }, "cluster not put on hold, trying again"),
      )
      .finally(() => this.#holding.delete(clusterId));
  }

  #recheck(clusterId: string): void {
    const registration = this.#options.directory.get(clusterId);
    const barred = registration === undefined ? "this cluster may not connect any more" : barredBecause(registration);
    if (barred !== undefined) this.#signs.delete(clusterId);
    for (const session of this.#open) {
      if (session.clusterId !== clusterId) continue;
      if (registration === undefined || barred !== undefined) {
        session.cut("refused", barred ?? "this cluster may not connect any more");
      } else if (registration.keyFingerprint !== session.registration.keyFingerprint) {
        session.cut("refused", "this cluster is bound to another key now");
      }
    }
  }

  #over(session: Session): void {
    this.#open.delete(session);
    this.#agents.delete(session);
    if (this.#current.get(session.clusterId) !== session) return;
    this.#current.delete(session.clusterId);
    this.#options.view.closed(session.clusterId);
    this.#options.log.info({ cluster: session.registration.name }, "agent disconnected");
  }
}
