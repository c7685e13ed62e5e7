import { leadUntilStopped } from "./adapters/nats/lead.ts";
import type { LeadOptions } from "./adapters/nats/lead.ts";
import { FencedStore } from "./adapters/nats/fenced-store.ts";
import { RepositoryError } from "./adapters/git/repository-error.ts";
import { renderProblem, RenderError } from "./adapters/render/render-error.ts";
import { commitProblemOf } from "./compose/open-repository.ts";
import { CommitChooser } from "./cycle/commit-chooser.ts";
import { CommitReader } from "./cycle/commit-reader.ts";
import { CycleMemo } from "./cycle/cycle-memo.ts";
import { HubState } from "./cycle/hub-state.ts";
import { RenderMemo } from "./cycle/render-memo.ts";
import { StoredSourcePins } from "./cycle/stored-source-pins.ts";
import type { Wake } from "./cycle/wake.ts";
import type { FleetDesk } from "./fleet-desk.ts";
import { Hub } from "./hub.ts";
import type { HubKeys } from "./identity/hub-keys.ts";
import { PackCollector } from "./pack-collector.ts";
import type { Renderer, Repository } from "./ports.ts";
import { SourceCollector } from "./source-collector.ts";
import type { SourceRetention } from "./source-collector.ts";
import type { RefRepository, SourceCollection } from "./source-ports.ts";
import { SourceDesk } from "./sources/source-desk.ts";
import type { SourceDeskOptions } from "./sources/source-desk.ts";
import type { ClusterDirectory } from "./sessions/cluster-directory.ts";
import type { FleetView } from "./sessions/fleet-view.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { Service } from "@axle/runtime/service.ts";

export interface LeaderOptions {
  readonly lead: Omit<LeadOptions, "log">;
  readonly repository: Repository & RefRepository & SourceCollection;
  /** What brings sources that are not in the repository. */
  readonly sources: Pick<SourceDeskOptions, "fetchers" | "finder" | "readLock">;
  readonly retention: SourceRetention;
  readonly renderer: Renderer;
  readonly keys: Pick<HubKeys, "signing" | "packMaster">;
  readonly directory: ClusterDirectory;
  readonly view: FleetView;
  readonly desk: FleetDesk;
  readonly wake: Wake;
  readonly log: Logger;
}

/** Waits to be the leader and then runs the hub's loop, each term with the state it finds in the store. */
export class Leader implements Service {
  readonly name = "leader";
  readonly #options: LeaderOptions;

  constructor(options: LeaderOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const options = this.#options;
    const { lead, repository, renderer, keys, directory, view, desk, wake, log } = options;
    await leadUntilStopped({ ...lead, log, signal }, async (leadership, term) => {
      const store = new FencedStore({ connection: lead.connection, leadership });
      const state = new HubState(await store.load(term));
      const memo = new RenderMemo({
        renderer,
        store,
        packMaster: keys.packMaster,
        problemOf: renderProblem,
        isPassing: (error) => error instanceof RenderError && error.retryable,
        isOfSources: (error) => error instanceof RenderError && error.isOfSources,
        onReady: () => wake.poke("render", Date.now()),
      });
      const pins = new StoredSourcePins(state, store);
      const sources = new SourceDesk({
        ...options.sources,
        repository,
        pins,
        onReady: () => wake.poke("render", Date.now()),
      });
      const hub = new Hub({
        repository: sources,
        chooser: new CommitChooser({
          reader: new CommitReader(sources, renderer),
          commitProblemOf,
          isMissing: (error) => error instanceof RepositoryError && error.code === "not-found",
        }),
        store,
        state,
        wake,
        tools: {
          memo,
          cycleMemo: new CycleMemo(keys.packMaster),
          store,
          signing: keys.signing,
          packMaster: keys.packMaster,
        },
        registrations: () => [...directory.all()],
        statuses: () => view.statuses(),
        onOutcome: (outcome) => desk.turned(outcome),
        onPublished: (published) => desk.published(published),
        log,
      });
      desk.opened({ state, store, wake, fetching: () => hub.fetching });
      try {
        const collectors = [
          new PackCollector({ store, state, log }),
          new SourceCollector({ ...options.retention, repository, sources, pins, state, log }),
        ];
        await Promise.all([hub, ...collectors].map((service) => service.run(term)));
      } finally {
        desk.closed();
      }
    });
  }
}
