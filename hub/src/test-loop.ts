import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { env, stderr } from "node:process";
import { Backoff } from "@axle/runtime/backoff.ts";
import { createLogger } from "@axle/runtime/logger.ts";
import type { Checkout } from "@axle/testkit/checkout.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import type { GitRepository as GitOrigin, GitServer } from "@axle/testkit/git-server.ts";
import { runGit } from "@axle/testkit/run-git.ts";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { findTool } from "@axle/tools/locate-tool.ts";
import { GitRepository } from "./adapters/git/git-repository.ts";
import { RepositoryError } from "./adapters/git/repository-error.ts";
import { FencedStore } from "./adapters/nats/fenced-store.ts";
import type { HubConnection } from "./adapters/nats/hub-connection.ts";
import type { Leadership } from "./adapters/nats/leadership.ts";
import { readMany } from "./adapters/nats/read-messages.ts";
import { PACK_STREAM, STATE_STREAM } from "./adapters/nats/subjects.ts";
import type { TestFleet } from "./adapters/nats/test-fleet.ts";
import { ProcessRenderer } from "./adapters/render/process-renderer.ts";
import { renderProblem, RenderError } from "./adapters/render/render-error.ts";
import { Sandbox } from "./adapters/render/sandbox.ts";
import { commitProblemOf } from "./compose/open-repository.ts";
import { openSources } from "./compose/open-sources.ts";
import { NO_CREDENTIALS } from "./credentials/credential.ts";
import type { CredentialSource } from "./credentials/credential.ts";
import { CommitChooser } from "./cycle/commit-chooser.ts";
import { CommitReader } from "./cycle/commit-reader.ts";
import { CycleMemo } from "./cycle/cycle-memo.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { readPack } from "./slice/read-pack.ts";
import { HubState } from "./cycle/hub-state.ts";
import { RenderMemo } from "./cycle/render-memo.ts";
import { StoredSourcePins } from "./cycle/stored-source-pins.ts";
import { Wake } from "./cycle/wake.ts";
import { FleetDesk } from "./fleet-desk.ts";
import { Hub } from "./hub.ts";
import type { Renderer, Store, StoreEntry } from "./ports.ts";
import type { ClusterStatus, Registration } from "./registry-ports.ts";
import { SourceCollector } from "./source-collector.ts";
import { SourceDesk } from "./sources/source-desk.ts";
import type { SourceFetchers } from "./sources/source-shelf.ts";

/** What goes wrong at a write: before it is stored, or after, so that only the answer is lost. */
export type WriteFault = "before" | "after";

/**
 * For tests: the hub's loop as the leader composes it, over a real repository, the real renderers and a real NATS
 * server; clusters and their reports are set by hand. A term can be ended and begun again, as by a restart.
 */
export class TestLoop implements AsyncDisposable {
  readonly wake = new Wake();
  readonly registrations = new Map<string, Registration>();
  readonly statuses = new Map<string, ClusterStatus>();
  /** What was rendered, by path: cleared by the test. */
  readonly rendered: string[] = [];
  /** Entries the loop wrote, in order: cleared by the test. */
  readonly written: StoreEntry[] = [];
  /** Asked at every write, with its entries. */
  faultAt: (entries: readonly StoreEntry[]) => WriteFault | undefined = () => undefined;
  /** Asked before every render. */
  beforeRender: (path: string) => void | Promise<void> = () => undefined;
  /** What brings sources from elsewhere instead of what the hub has for it; read when a term begins. */
  fetchers: SourceFetchers = {};
  /** How long a turn waits for a source. */
  patienceMs = 5_000;
  /** How long a turn waits for a submodule, and for large files. */
  partsPatienceMs = 5_000;
  /** How long a turn waits while no render ends. */
  renderPatienceMs = 5_000;
  /** With these, sources are fetched from where they are, instead of by `fetchers`. */
  credentials: CredentialSource | undefined;
  /** How long packs nobody refers to stay; read when a term begins. */
  packGraceMs = 24 * 3_600_000;
  /** The clock of what is asked for again after it failed. */
  now = Date.now;
  /** One round of what gives back sources that nobody uses, which the hub does every hour. */
  collect: (keepMs: number, rememberMs: number) => Promise<void> = () => Promise.reject(new TypeError("no term runs"));
  plans = 0;
  fetches = 0;
  /** How long the last fetch took. */
  fetchMs = 0;
  readonly desk = new FleetDesk({ url: "origin", branch: "main", newId: () => `id-${(this.#ids += 1)}` });
  readonly #given: Given;
  #ids = 0;
  #term:
    | {
        state: HubState;
        leadership: Leadership;
        stop: AbortController;
        ended: Promise<void>;
        store: Store;
        stored: FencedStore;
      }
    | undefined;

  private constructor(given: Given) {
    this.#given = given;
  }

  /** With an empty repository and an empty store on servers that are there; nothing runs yet. */
  static async create({ server, fleet, connection }: LoopServers): Promise<TestLoop> {
    await using stack = new AsyncDisposableStack();
    const scratch = stack.use(await createTemporaryDirectory("loop"));
    for (const stream of [STATE_STREAM, PACK_STREAM]) await connection.jsm.streams.purge(stream);
    const origin = await server.createRepository(basename(scratch.path));
    const work = await origin.clone();
    const [kustomize, helm] = await Promise.all([findTool("kustomize"), findTool("helm")]);
    const sandbox = new Sandbox({ directory: join(scratch.path, "render") });
    const renderer = new ProcessRenderer({ kustomize: kustomize.path, helm: helm.path, sandbox });
    const given = { folder: scratch.path, fleet, origin, work, connection, renderer };
    return new TestLoop({ ...given, stack: stack.move() });
  }

  get work(): Checkout {
    return this.#given.work;
  }

  get connection(): HubConnection {
    return this.#given.connection;
  }

  get fleet(): TestFleet {
    return this.#given.fleet;
  }

  /** From now on nobody answers for the repository. */
  async loseOrigin(): Promise<void> {
    await rm(this.#given.origin.directory, { recursive: true });
  }

  /** The repository's server forgets what no branch or tag leads to. */
  async pruneOrigin(): Promise<void> {
    const { directory } = this.#given.origin;
    await runGit(directory, ["reflog", "expire", "--expire=now", "--all"]);
    await runGit(directory, ["gc", "--quiet", "--prune=now"]);
  }

  /** Of the running term. */
  get state(): HubState {
    return this.#running().state;
  }

  get leadership(): Leadership {
    return this.#running().leadership;
  }

  /** The folder of the mirror. */
  get gitFolder(): string {
    return join(this.#given.folder, "git");
  }

  /** Begins a term: a fresh process on the same data. */
  async start(instance = "test"): Promise<void> {
    const { fleet, connection, renderer, origin, folder } = this.#given;
    const { url } = origin;
    const stop = new AbortController();
    const leadership = await fleet.lead(connection, instance);
    const stored = new FencedStore({ connection, leadership, packGraceMs: this.packGraceMs });
    const store = this.#observed(stored);
    const state = new HubState(await store.load(stop.signal));
    const checkoutDirectory = join(folder, "render");
    const given = this.credentials === undefined ? {} : { credentials: this.credentials };
    const repository = new GitRepository({
      url,
      directory: this.gitFolder,
      checkoutDirectory,
      environment: env,
      now: this.now,
      patienceMs: this.partsPatienceMs,
      onReady: () => this.wake.poke("render", Date.now()),
      ...given,
    });
    const seen: Renderer = {
      inspect: (snapshot, path, signal) => renderer.inspect(snapshot, path, signal),
      keyOf: (snapshot, variant, signal) => renderer.keyOf(snapshot, variant, signal),
      render: async (snapshot, variant, signal) => {
        this.rendered.push(variant.path);
        await this.beforeRender(variant.path);
        return renderer.render(snapshot, variant, signal);
      },
    };
    const { signing, packMaster } = fleet.keys;
    const memo = new RenderMemo({
      renderer: seen,
      store,
      packMaster,
      problemOf: renderProblem,
      isPassing: (error) => error instanceof RenderError && error.retryable,
      isOfSources: (error) => error instanceof RenderError && error.isOfSources,
      onReady: () => this.wake.poke("render", Date.now()),
      patienceMs: this.renderPatienceMs,
    });
    const fast = { firstMs: 20, longestMs: 50 };
    const { credentials } = this;
    const access = openSources({ repository, credentials: credentials ?? NO_CREDENTIALS, env });
    const pins = new StoredSourcePins(state, store, () => this.now());
    const sources = new SourceDesk({
      repository,
      ...access,
      fetchers: { ...access.fetchers, ...this.fetchers },
      pins,
      onReady: () => this.wake.poke("render", Date.now()),
      backoff: () => new Backoff(fast),
      patienceMs: this.patienceMs,
    });
    const hub = new Hub({
      repository: {
        fetch: async (known, signal) => {
          this.fetches += 1;
          const startedMs = performance.now();
          const fetched = await sources.fetch(known, signal);
          this.fetchMs = performance.now() - startedMs;
          return fetched;
        },
      },
      chooser: new CommitChooser({
        reader: new CommitReader(sources, seen),
        commitProblemOf,
        isMissing: (error) => error instanceof RepositoryError && error.code === "not-found",
      }),
      store,
      state,
      wake: this.wake,
      tools: { memo, cycleMemo: new CycleMemo(packMaster), store, signing, packMaster },
      registrations: () => [...this.registrations.values()],
      statuses: () => this.statuses,
      onOutcome: (outcome) => {
        this.plans += 1;
        this.desk.turned(outcome);
      },
      onPublished: (published) => this.desk.published(published),
      log: loopLog,
      backoff: new Backoff(fast),
      fetchBackoff: new Backoff(fast),
      renderBackoff: new Backoff(fast),
    });
    this.collect = (keepMs, rememberMs) => {
      const options = { repository, sources, pins, state, log: loopLog, keepMs, rememberMs };
      return new SourceCollector(options).collect(stop.signal);
    };
    this.desk.opened({ state, store, wake: this.wake, fetching: () => hub.fetching });
    const lost = AbortSignal.any([stop.signal, leadership.lost]);
    const ended = (async () => {
      await using _repository = repository;
      await using _access = access;
      await hub.run(lost);
    })();
    this.#term = { state, leadership, stop, ended, store, stored };
  }

  /** Ends the term where it is, without a word to the store. */
  async stop(): Promise<void> {
    const term = this.#term;
    this.#term = undefined;
    this.desk.closed();
    term?.stop.abort();
    await term?.ended;
  }

  /** Settles when the term has ended by itself. */
  ended(): Promise<void> {
    return this.#running().ended;
  }

  join(name: string, labels: Readonly<Record<string, string>> = {}): void {
    const sealPublicKey = this.fleet.keys.signing.publicKey;
    this.registrations.set(`id-of-${name}`, {
      id: `id-of-${name}`,
      name,
      labels,
      keyFingerprint: name,
      sealPublicKey: Buffer.from(sealPublicKey).toString("base64"),
      kubeSystemUid: name,
      tokenId: "t",
      state: "active",
      joinedAtMs: 1,
      agentVersion: "0",
      facts: { kubernetesVersion: "", provider: "", nodes: 0, apiVersions: [] },
    });
    this.wake.poke("clusters", Date.now());
  }

  /** Waits until the loop looked at the repository once more, from beginning to end. */
  async turn(): Promise<void> {
    for (let round = 0; round < 2; round += 1) {
      const before = this.fetches;
      this.wake.poke("poll", Date.now());
      await eventually(() => this.fetches > before, { what: "another look at the repository" });
    }
  }

  /** Waits until the fleet's record says this head, accepted or not. */
  async at(head: string, accepted = head): Promise<void> {
    this.wake.poke("poll", Date.now());
    const what = `the fleet at ${head.slice(0, 7)}, accepted ${accepted.slice(0, 7)}`;
    await eventually(() => this.state.fleet?.head === head && this.state.fleet.accepted === accepted, { what });
  }

  /** Commits and waits until the fleet is there. */
  async publish(changes: Parameters<Checkout["publish"]>[0]): Promise<string> {
    const commit = await this.work.publish(changes, "next");
    await this.at(commit);
    return commit;
  }

  /** Numbers of the slices that stand in the store, by cluster name. */
  slices(): Record<string, number> {
    const entries = [...this.registrations.values()].flatMap(({ id, name }) => {
      const slice = this.state.slices.get(id);
      return slice === undefined ? [] : [[name, slice.number.n] as const];
    });
    return Object.fromEntries(entries);
  }

  /** The objects of an app as a cluster gets them. */
  async objects(app: string, cluster: string): Promise<readonly KubeObject[]> {
    const record = this.state.apps.get(app);
    const pack = record?.packs[record.targets[`id-of-${cluster}`]?.pack ?? -1];
    if (pack === undefined) return [];
    const data = await this.#running().store.readPack(pack, AbortSignal.timeout(5_000));
    return [...readPack(data, pack.keyId, this.fleet.keys.packMaster).values()];
  }

  /** Removes packs no app uses, as the collector does; resolves with how many. */
  collectPacks(): Promise<number> {
    const { state, stored } = this.#running();
    const live = [...state.apps.values()].flatMap(({ packs }) => packs.map(({ digest }) => digest));
    return stored.collectPacks(new Set(live), AbortSignal.timeout(5_000));
  }

  /** Sequence of the newest message by subject, all that the stream holds but the lease. */
  async stored(): Promise<Record<string, number>> {
    const { connection } = this.#given;
    const info = await connection.jsm.streams.info(STATE_STREAM, { subjects_filter: "axle.>" });
    const subjects = Object.keys(info.state.subjects ?? {}).filter((subject) => subject !== "axle.lease");
    const where = { stream: STATE_STREAM, subjects, upTo: 0 };
    const messages = await readMany(connection, where, AbortSignal.timeout(5_000));
    return Object.fromEntries(messages.map(({ subject, sequence }) => [subject, sequence]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#given.stack.disposeAsync();
  }

  #observed(store: FencedStore): Store {
    return {
      load: (signal) => store.load(signal),
      findRender: (key, signal) => store.findRender(key, signal),
      usePack: (digest) => store.usePack(digest),
      findObjects: (digests, signal) => store.findObjects(digests, signal),
      readPack: (pack, signal) => store.readPack(pack, signal),
      putPack: (digest, data, signal) => store.putPack(digest, data, signal),
      write: async (entries, signal) => {
        const fault = this.faultAt(entries);
        if (fault === "before") throw new Error("the store is away");
        await store.write(entries, signal);
        this.written.push(...entries);
        if (fault === "after") throw new Error("the answer of the store was lost");
      },
    };
  }

  #running() {
    if (this.#term === undefined) throw new TypeError("no term runs");
    return this.#term;
  }
}

/** Started once for many loops. */
export interface LoopServers {
  readonly server: GitServer;
  readonly fleet: TestFleet;
  readonly connection: HubConnection;
}

interface Given {
  readonly folder: string;
  readonly fleet: TestFleet;
  readonly origin: GitOrigin;
  readonly work: Checkout;
  readonly connection: HubConnection;
  readonly renderer: ProcessRenderer;
  readonly stack: AsyncDisposableStack;
}

/** `AXLE_TEST_LOG=debug` shows what the loop says. */
const loopLog = createLogger({
  destination: stderr,
  format: "text",
  level: env["AXLE_TEST_LOG"] === "debug" ? "debug" : "silent",
});
