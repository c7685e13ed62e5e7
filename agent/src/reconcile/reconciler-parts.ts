import { NO_GUARDRAILS } from "@axle/core/guard/guardrails.ts";
import type { Guardrails } from "@axle/core/guard/guardrails.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import type { ReconcileEvents } from "../ports.ts";
import { AgentStore } from "./agent-store.ts";
import { AppBoard } from "./app-board.ts";
import { AppClients } from "./app-clients.ts";
import { CurrentSlice } from "./current-slice.ts";
import { DeletionBudget } from "./deletion-budget.ts";
import { DriftCorrector } from "./drift-corrector.ts";
import { EventWriter } from "./event-writer.ts";
import { rulesFor } from "./ignored-fields.ts";
import { INVENTORY_KIND, InventoryStore } from "./inventory-store.ts";
import { ObjectBook } from "./object-book.ts";
import { OwnEvents } from "./own-events.ts";
import { OwnedObjects } from "./owned-objects.ts";
import { OwnedWatches } from "./owned-watches.ts";
import { Pruner } from "./pruner.ts";
import { StatusWriter } from "./status-writer.ts";
import { StrayObjects } from "./stray-objects.ts";

export interface KubeReconcilerOptions {
  readonly client: KubeClient;
  /** Id of the cluster, in every mark. */
  readonly cluster: string;
  readonly events: ReconcileEvents;
  readonly log: Logger;
  readonly now?: () => number;
  /** The hub's clock as far as the session knows it: approvals expire by it. */
  readonly hubNow?: () => number;
  /** What the cluster's owner does not let the agent do. */
  readonly guardrails?: Guardrails;
  /** Service account, `namespace/name`, that apps are applied as which name none; the agent's own when not given. */
  readonly account?: string | undefined;
  /** How long one try waits for a kind to be gone when the cluster leaves with everything deleted. */
  readonly goneTimeoutMs?: number;
  /** Something of an app that a pass left undone can be done now. */
  readonly onPassWanted?: (app: string) => void;
}

/** What lives as long as the reconciler: memory, stores, watches and what answers them. Nothing here starts by itself. */
export interface ReconcilerParts {
  readonly slice: CurrentSlice;
  readonly book: ObjectBook;
  readonly board: AppBoard;
  readonly store: AgentStore;
  readonly inventories: InventoryStore;
  readonly status: StatusWriter;
  readonly events: EventWriter;
  readonly clients: AppClients;
  readonly accountOf: (app: string) => string | undefined;
  readonly owned: OwnedObjects;
  readonly corrector: DriftCorrector;
  readonly ownEvents: OwnEvents;
  readonly strays: StrayObjects;
  readonly watches: OwnedWatches;
  /** Watches the kinds of what we own or are deleting now. */
  readonly watchOwned: () => void;
  readonly budget: DeletionBudget;
  readonly pruner: Pruner;
}

/** Puts together what watches, remembers, corrects and prunes; what one pass is made of comes on top of it. */
export function makeParts(options: KubeReconcilerOptions): ReconcilerParts {
  const { client, cluster, events: told, log, now = Date.now, hubNow = now, account } = options;
  const { guardrails = NO_GUARDRAILS, onPassWanted = () => undefined } = options;
  const book = new ObjectBook();
  const slice = new CurrentSlice({ book, guardrails });
  const store = new AgentStore(client, cluster);
  const inventories = new InventoryStore(client, cluster);
  const status: StatusWriter = new StatusWriter({ store, inventories, log, countStrays: () => strays.count });
  const events = new EventWriter({ client, inventories, log, now });
  const listeners = [status, events, told];
  const board = new AppBoard({
    app: (report) => listeners.forEach((listener) => listener.app(report)),
    appGone: (app) => listeners.forEach((listener) => listener.appGone(app)),
  });
  const accountOf = (app: string) =>
    slice.has(app) ? (slice.settingsOf(app)?.sync.serviceAccount ?? account) : inventories.accountOf(app);
  const clients = new AppClients({ client, accountOf });
  const isAppPaused = (app: string) => inventories.isPaused(app);
  const settingsOf = (app: string) => slice.settingsOf(app);
  const corrector: DriftCorrector = new DriftCorrector({
    book,
    board,
    log,
    now,
    owned: () => owned,
    settingsOf,
    isDeclared: (id) => slice.applies(id),
    isAppPaused,
  });
  const strays = new StrayObjects({ cluster, slice, inventories, board, log });
  const ownEvents = new OwnEvents({ slice, inventories, board, book, pruner: () => pruner, strays, log, onPassWanted });
  const owned = new OwnedObjects({
    takeDeletion: (signal) => budget.take(signal),
    client,
    clients,
    cluster,
    book,
    board,
    now,
    checksOf: (app) => slice.checksOf(app),
    isAppPaused,
    yieldingOf: ({ id, app, source }) => ({
      rules: rulesFor(source, settingsOf(app)?.ignoreDifferences ?? []),
      autoscaled: slice.isAutoscaled(id),
    }),
    onDrift: (known, live) => corrector.found(known, live),
    onUnknown: (known, live, found) => corrector.foundUnknown(known, live, found),
    onDoubt: (id) => corrector.doubt(id),
    onEvent: (id, live) => ownEvents.seen(id, live),
    onListed: (kind, ids) => ownEvents.listed(kind, ids),
  });
  const watches = new OwnedWatches({ client, sink: owned, log });
  const budget = new DeletionBudget({
    perHour: guardrails.deletionsPerHour,
    now,
    save: (deletions, signal) => store.writeStatus({ deletions }, signal),
  });
  const pruner: Pruner = new Pruner({
    client,
    clients,
    cluster,
    book,
    board,
    inventories,
    guardrails,
    budget,
    log,
    hubNow,
    useApprovals: (ids, signal) => {
      const used = slice.approvals.filter(({ id }) => ids.has(id));
      return store.useApprovals(used, { nowMs: hubNow(), signal });
    },
  });
  const watchOwned = () => watches.want([...book.kinds, ...pruner.kinds, INVENTORY_KIND]);
  return {
    slice,
    book,
    board,
    store,
    inventories,
    status,
    events,
    clients,
    accountOf,
    owned,
    corrector,
    ownEvents,
    strays,
    watches,
    watchOwned,
    budget,
    pruner,
  };
}
