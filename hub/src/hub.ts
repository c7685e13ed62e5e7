/**
 * The hub's loop: what the repository says, made into what every cluster should run.
 *
 *   wait for a poke (hook, poll, a cluster that joined or changed, an approval, a report that settles a deletion)
 *   -> fetch -> choose the newest commit that may be applied -> plan the cycle -> write it, fenced by the lease
 *
 * Level-triggered: a poke says only "look again"; everything is read fresh, so a poke that is lost, doubled or late
 * changes nothing but the time. A turn that would decide from just what the last one found nothing to do with is not
 * planned again. A commit nobody can read is recorded with its problems and the last accepted one stays in force, for
 * clusters that join meanwhile too. An app that takes long to render is left where it is, and the turn is taken again
 * when it is through. (A queue of commits to work off was the other way to do it: it has to decide what a
 * commit means that was overtaken, which is never wanted.)
 *
 * Packs first, then records and slices in fenced batches, then the fleet's own record with the times: a crash between
 * any two leaves slices that the next turn finds unchanged or completes. After a write that failed the state is read
 * again, for it may have been stored.
 */
import { formatProblem } from "@axle/core/fleet/problem.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import { Backoff } from "@axle/runtime/backoff.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { SayOnce } from "@axle/runtime/say-once.ts";
import type { Service } from "@axle/runtime/service.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import { Again } from "./cycle/again.ts";
import type { Choice, CommitChooser, Head } from "./cycle/commit-chooser.ts";
import type { ReadCommit } from "./cycle/commit-reader.ts";
import { planCycle } from "./cycle/fleet-cycle.ts";
import type { CycleOutcome, CycleTools } from "./cycle/fleet-cycle.ts";
import { fleetEntries, sameProblems } from "./cycle/fleet-record.ts";
import { turnOfRefs } from "./cycle/ref-commits.ts";
import type { HubState } from "./cycle/hub-state.ts";
import { remainingApprovals } from "./cycle/settle-deletions.ts";
import { isStillSettled } from "./cycle/settled-turn.ts";
import type { SettledTurn } from "./cycle/settled-turn.ts";
import { StepClock } from "./cycle/step-clock.ts";
import type { Poke, Wake } from "./cycle/wake.ts";
import type { Repository, Store, StoreEntry } from "./ports.ts";
import type { ClusterStatus, Registration } from "./registry-ports.ts";

export interface HubOptions {
  readonly repository: Pick<Repository, "fetch">;
  readonly chooser: CommitChooser;
  readonly store: Store;
  readonly state: HubState;
  readonly wake: Wake;
  readonly tools: CycleTools;
  readonly registrations: () => readonly Registration[];
  readonly statuses: () => ReadonlyMap<string, ClusterStatus>;
  readonly onOutcome: (outcome: CycleOutcome) => void;
  readonly onPublished: (published: Readonly<Record<string, SliceNumber>>) => void;
  readonly log: Logger;
  readonly now?: () => number;
  /** Between turns that fail. */
  readonly backoff?: Backoff;
  /** Between fetches while the repository is away; polling goes on beside it. */
  readonly fetchBackoff?: Backoff;
  /** Between renders of what may render next time although nothing changes. */
  readonly renderBackoff?: Backoff;
}

/** Pokes that say nothing of what a commit is made of. */
const OF_CLUSTERS: ReadonlySet<Poke["reason"]> = new Set(["clusters", "status"]);
/** Pokes that say nothing of the repository. */
const WITHOUT_FETCH: ReadonlySet<Poke["reason"]> = new Set(["clusters", "approval", "status", "render"]);

export class Hub implements Service {
  readonly name = "hub";
  readonly #options: HubOptions;
  readonly #now: () => number;
  readonly #backoff: Backoff;
  readonly #fetchAgain: Again;
  readonly #renderAgain: Again;
  readonly #fetchTrouble: SayOnce;
  readonly #trouble: SayOnce;
  #head: (Head & { readonly seenAtMs: number }) | undefined;
  #fetchError = "";
  #lastFetchMs = 0;
  #settled: SettledTurn | undefined;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#backoff = options.backoff ?? new Backoff({ firstMs: 1_000, longestMs: 30_000 });
    const { fetchBackoff = new Backoff({ firstMs: 500, longestMs: 30_000 }) } = options;
    const { renderBackoff = new Backoff({ firstMs: 5_000, longestMs: 300_000 }) } = options;
    const again = { wake: options.wake, now: this.#now };
    this.#fetchAgain = new Again({ ...again, reason: "retry", backoff: fetchBackoff });
    this.#renderAgain = new Again({ ...again, reason: "render", backoff: renderBackoff });
    this.#fetchTrouble = new SayOnce(options.log);
    this.#trouble = new SayOnce(options.log);
  }

  /** When the repository was last reached, and what is wrong with it if it is not. */
  get fetching(): { readonly lastFetchMs: number; readonly error: string } {
    return { lastFetchMs: this.#lastFetchMs, error: this.#fetchError };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { wake } = this.#options;
    wake.poke("start", this.#now());
    while (!signal.aborted) {
      try {
        await wake.wait(signal);
        await this.#turn(wake.take(), signal);
        this.#trouble.recovered("the hub works again");
        this.#backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        this.#settled = undefined;
        this.#trouble.failed(error, "the hub could not finish its turn, trying again");
        await sleep(this.#backoff.nextMs(), signal).catch(() => undefined);
        wake.poke("retry", this.#now());
      }
    }
  }

  async #turn(pokes: readonly Poke[], signal: AbortSignal): Promise<void> {
    const { state, store, chooser, log } = this.#options;
    const atMs = Math.min(...pokes.map((poke) => poke.atMs));
    await state.refresh(store, signal);
    await this.#fetch(pokes, signal);
    const { fleet } = state;
    if (this.#head === undefined && fleet === undefined) return;
    const clock = new StepClock(this.#now);
    const isNew = this.#head !== undefined && this.#head.commit !== fleet?.head;
    clock.mark("seen", isNew ? this.#head?.seenAtMs : atMs);
    clock.mark("fetched");

    const inForce = { accepted: fleet?.accepted ?? "", allowedRewrite: fleet?.allowedRewrite, refs: fleet?.refs };
    const mayHaveCome = pokes.some(({ reason }) => !OF_CLUSTERS.has(reason));
    const choice = await chooser.choose({ head: this.#head, mayHaveCome }, inForce, signal);
    const { read } = choice;
    const isRenderDue = pokes.some(({ reason }) => reason === "render");
    const outcome =
      read === undefined || (!isRenderDue && this.#isSettled(read)) ? undefined : await this.#plan(read, clock, signal);
    if (read !== undefined && outcome !== undefined) {
      const isWritten = await this.#write(outcome, read, signal);
      if (isWritten) {
        this.#options.tools.memo.written(outcome.entries);
        clock.mark("published");
        this.#options.onPublished(outcome.published);
        const slices = Object.keys(outcome.published).length;
        log.info({ commit: read.snapshot.commit.slice(0, 12), slices }, "published");
      }
      state.keepObjects();
    }
    await this.#record({ choice, outcome }, clock, signal);
    if (outcome === undefined) return;
    this.#options.onOutcome(outcome);
    if (outcome.mayRenderLater || read?.mayPass === true) this.#renderAgain.failed(signal);
    else this.#renderAgain.worked();
  }

  /** A repository that cannot be reached stops nothing else: clusters may join, approvals may pass. */
  async #fetch(pokes: readonly Poke[], signal: AbortSignal): Promise<void> {
    if (this.#head !== undefined && pokes.every(({ reason }) => WITHOUT_FETCH.has(reason))) return;
    const { repository, state } = this.#options;
    try {
      const { head, rewritten } = await repository.fetch(state.fleet?.accepted || undefined, signal);
      const seenAtMs = this.#head?.commit === head ? this.#head.seenAtMs : Math.min(...pokes.map(({ atMs }) => atMs));
      this.#head = { commit: head, rewritten, seenAtMs };
      this.#lastFetchMs = this.#now();
      this.#fetchError = "";
      this.#fetchAgain.worked();
      this.#fetchTrouble.recovered("the repository is reached again");
    } catch (error) {
      signal.throwIfAborted();
      this.#fetchError = error instanceof Error ? error.message : String(error);
      this.#fetchAgain.failed(signal);
      this.#fetchTrouble.failed(error, "the repository cannot be fetched, the fleet stays where it is");
    }
  }

  #isSettled(read: ReadCommit): boolean {
    const { state, registrations, statuses } = this.#options;
    const settled = this.#settled;
    const input = { read, state, registrations: registrations(), statuses: statuses(), nowMs: this.#now() };
    if (settled === undefined || !isStillSettled(settled, input)) return false;
    // The same objects are compared faster next time.
    this.#settled = { ...settled, registrations: input.registrations };
    return true;
  }

  async #plan(read: ReadCommit, clock: StepClock, signal: AbortSignal): Promise<CycleOutcome> {
    const { state, tools, registrations, statuses } = this.#options;
    const from = { read, registrations: registrations(), version: state.version };
    const input = { ...from, state, statuses: statuses(), clock, nowMs: this.#now() };
    const outcome = await planCycle(input, tools, signal);
    // Only a turn with nothing to write is known to be the last word.
    this.#settled = outcome.entries.length === 0 ? { ...from, problems: outcome.problems } : undefined;
    return outcome;
  }

  /** False when there is nothing to write. An order that came in meanwhile (an approval) is not lost: writers take turns. */
  #write(outcome: CycleOutcome, read: ReadCommit, signal: AbortSignal): Promise<boolean> {
    const { state, store } = this.#options;
    const decide = (): readonly StoreEntry[] => {
      const approvals = [...remainingApprovals(state.approvals, outcome.endedApprovals)].map(
        ([cluster, remaining]): StoreEntry => ({ type: "approvals", cluster, approvals: remaining }),
      );
      return [...outcome.entries, ...approvals, ...this.#audit(outcome, read)];
    };
    return state.write(store, decide, signal);
  }

  /** Writes the fleet's record when it says something new. */
  async #record(
    { choice, outcome }: { choice: Choice; outcome: CycleOutcome | undefined },
    clock: StepClock,
    signal: AbortSignal,
  ): Promise<void> {
    const { state, store, log } = this.#options;
    // With the repository away, what was wrong with it still is.
    const known = this.#head === undefined ? (state.fleet?.problems ?? []) : undefined;
    const found = outcome?.problems ?? (choice.read === undefined ? [] : (this.#settled?.problems ?? []));
    const problems = known ?? [...choice.problems, ...found];
    const before = state.fleet?.problems ?? [];
    const isWritten = await state.write(
      store,
      () =>
        fleetEntries(state, {
          head: { commit: this.#head?.commit ?? state.fleet?.head ?? "", subject: choice.subject },
          accepted: choice.read?.snapshot.commit ?? state.fleet?.accepted ?? "",
          problems,
          name: choice.read?.contract.fleet?.name,
          steps: clock.steps,
          ...turnOfRefs({ choice, outcome, fleet: state.fleet }),
          nowMs: this.#now(),
        }),
      signal,
    );
    if (!isWritten || problems.length === 0 || sameProblems(before, problems)) return;
    const errors = problems.filter((problem) => problem.severity === "error");
    const [first] = errors.length > 0 ? errors : problems;
    const said = {
      commit: this.#head?.commit.slice(0, 12),
      errors: errors.length,
      warnings: problems.length - errors.length,
      first: first === undefined ? "" : formatProblem(first),
    };
    if (errors.length > 0) log.warn(said, "the commit has errors");
    else log.info(said, "the commit has warnings");
  }

  #audit(outcome: CycleOutcome, read: ReadCommit): readonly StoreEntry[] {
    const clusters = Object.keys(outcome.published).length;
    if (clusters === 0) return [];
    const { commit } = read.snapshot;
    const entry = { atMs: this.#now(), actor: "hub", action: "publish", subject: `${clusters} clusters`, commit };
    return [{ type: "audit", entry }];
  }
}
