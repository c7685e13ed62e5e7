/**
 * The hub's loop: what the repository says, made into what every cluster should run.
 *
 *   wait for a poke (hook, poll, a cluster that joined or changed, an approval, a report that settles a deletion)
 *   -> fetch -> read the newest commit that may be applied -> plan the cycle -> write it, fenced by the lease
 *
 * Level-triggered: a poke says only "look again"; everything is read fresh, so a poke that is lost, doubled or late
 * changes nothing but the time. A commit nobody can read is recorded with its problems and the last accepted one stays
 * in force, for clusters that join meanwhile too. (A queue of commits to work off was the other way to do it: it has to
 * decide what a commit means that was overtaken, which is never wanted.)
 *
 * Packs first, then records and slices in fenced batches, then the fleet's own record with the times: a crash between
 * any two leaves slices that the next turn finds unchanged or completes.
 */
import type { Problem } from "@axle/core/fleet/problem.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import { Backoff } from "@axle/runtime/backoff.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { SayOnce } from "@axle/runtime/say-once.ts";
import type { Service } from "@axle/runtime/service.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import type { CommitReader, ReadCommit } from "./cycle/commit-reader.ts";
import { isRefused, planCycle } from "./cycle/fleet-cycle.ts";
import type { CycleOutcome, CycleTools } from "./cycle/fleet-cycle.ts";
import type { HubState } from "./cycle/hub-state.ts";
import { remainingApprovals } from "./cycle/settle-deletions.ts";
import { StepClock } from "./cycle/step-clock.ts";
import type { Poke, Wake } from "./cycle/wake.ts";
import { nextFleetRecord } from "./cycle/fleet-record.ts";
import type { Repository, Store, StoreEntry } from "./ports.ts";
import type { ClusterStatus, Registration } from "./registry-ports.ts";

export interface HubOptions {
  readonly repository: Repository;
  readonly reader: CommitReader;
  readonly store: Store;
  readonly state: HubState;
  readonly wake: Wake;
  readonly tools: CycleTools;
  readonly registrations: () => readonly Registration[];
  readonly statuses: () => ReadonlyMap<string, ClusterStatus>;
  /** Total: what the repository adapter threw for this commit, as a problem; undefined when it is no fault of the commit. */
  readonly commitProblemOf: (error: unknown) => Problem | undefined;
  readonly onOutcome: (outcome: CycleOutcome) => void;
  readonly onPublished: (published: Readonly<Record<string, SliceNumber>>) => void;
  readonly log: Logger;
  readonly now?: () => number;
  readonly backoff?: Backoff;
}

export class Hub implements Service {
  readonly name = "hub";
  readonly #options: HubOptions;
  readonly #now: () => number;
  readonly #backoff: Backoff;
  readonly #fetchTrouble: SayOnce;
  readonly #trouble: SayOnce;
  #head: { readonly commit: string; readonly rewritten: boolean } | undefined;
  #fetchError = "";
  #lastFetchMs = 0;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#backoff = options.backoff ?? new Backoff({ firstMs: 1_000, longestMs: 30_000 });
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
        this.#trouble.failed(error, "the hub could not finish its turn, trying again");
        await sleep(this.#backoff.nextMs(), signal).catch(() => undefined);
        wake.poke("retry", this.#now());
      }
    }
  }

  async #turn(pokes: readonly Poke[], signal: AbortSignal): Promise<void> {
    const { state, log } = this.#options;
    const clock = new StepClock(this.#now);
    clock.mark("seen", Math.min(...pokes.map((poke) => poke.atMs)));
    await this.#fetch(pokes, signal);
    if (this.#head === undefined) return;
    clock.mark("fetched");

    const chosen = await this.#choose(this.#head, signal);
    const outcome = chosen.read && (await this.#plan(chosen.read, clock, signal));
    if (outcome !== undefined && (await this.#write(outcome, chosen.read, signal))) {
      clock.mark("published");
      this.#options.onPublished(outcome.published);
      const slices = Object.keys(outcome.published).length;
      log.info({ commit: chosen.read?.snapshot.commit.slice(0, 12), slices }, "published");
    }
    state.keepObjects();
    const problems = [...chosen.problems, ...(outcome?.problems ?? [])];
    await this.#record(
      { problems, read: chosen.read, published: outcome?.published ?? {}, subject: chosen.subject },
      clock,
      signal,
    );
    if (outcome !== undefined) this.#options.onOutcome(outcome);
  }

  /** A repository that cannot be reached stops nothing else: clusters may join, approvals may pass. */
  async #fetch(pokes: readonly Poke[], signal: AbortSignal): Promise<void> {
    const asks = pokes.some(({ reason }) => reason !== "clusters" && reason !== "approval" && reason !== "status");
    if (!asks && this.#head !== undefined) return;
    const { repository, state } = this.#options;
    try {
      const fetched = await repository.fetch(state.fleet?.accepted || undefined, signal);
      this.#head = { commit: fetched.head, rewritten: fetched.rewritten };
      this.#lastFetchMs = this.#now();
      this.#fetchError = "";
      this.#fetchTrouble.recovered("the repository is reached again");
    } catch (error) {
      signal.throwIfAborted();
      this.#fetchError = error instanceof Error ? error.message : String(error);
      this.#fetchTrouble.failed(error, "the repository cannot be fetched, the fleet stays where it is");
    }
  }

  /** The newest commit that may be applied, and what is wrong with a newer one. */
  async #choose(
    head: { readonly commit: string; readonly rewritten: boolean },
    signal: AbortSignal,
  ): Promise<{ read: ReadCommit | undefined; problems: readonly Problem[]; subject: string }> {
    const { reader, state, commitProblemOf } = this.#options;
    const accepted = state.fleet?.accepted ?? "";
    let problems: readonly Problem[] = [];
    let subject = "";
    if (head.rewritten && state.fleet?.allowedRewrite !== head.commit) {
      problems = [historyRewritten(head.commit, accepted)];
    } else {
      try {
        const read = await reader.read(head.commit, signal);
        subject = read.snapshot.subject;
        if (!isRefused(read)) return { read, problems: [], subject };
        problems = read.contract.problems;
      } catch (error) {
        signal.throwIfAborted();
        const problem = commitProblemOf(error);
        if (problem === undefined) throw error;
        problems = [problem];
      }
    }
    const read = accepted === "" ? undefined : await reader.read(accepted, signal);
    return { read, problems, subject };
  }

  async #plan(read: ReadCommit, clock: StepClock, signal: AbortSignal): Promise<CycleOutcome> {
    const { state, tools, registrations, statuses } = this.#options;
    return planCycle(
      { read, state, registrations: registrations(), statuses: statuses(), clock, nowMs: this.#now() },
      tools,
      signal,
    );
  }

  /** False when there is nothing to write. An order that came in meanwhile (an approval) is not lost: writers take turns. */
  async #write(outcome: CycleOutcome, read: ReadCommit | undefined, signal: AbortSignal): Promise<boolean> {
    const { state, store } = this.#options;
    return state.writing.run(async () => {
      const approvals = [...remainingApprovals(state.approvals, outcome.endedApprovals)].map(
        ([cluster, remaining]): StoreEntry => ({ type: "approvals", cluster, approvals: remaining }),
      );
      const entries = [...outcome.entries, ...approvals, ...this.#audit(outcome, read)];
      if (entries.length === 0) return false;
      await store.write(entries, signal);
      state.applied(entries);
      return true;
    });
  }

  /** Writes the fleet's record when it says something new. */
  async #record(
    turn: {
      problems: readonly Problem[];
      read: ReadCommit | undefined;
      published: Readonly<Record<string, SliceNumber>>;
      subject: string;
    },
    clock: StepClock,
    signal: AbortSignal,
  ): Promise<void> {
    const { state, store, log } = this.#options;
    const head = this.#head?.commit ?? "";
    const before = state.fleet;
    const accepted = turn.read?.snapshot.commit ?? before?.accepted ?? "";
    const isNewHead = before?.head !== head;
    const hasPublished = Object.keys(turn.published).length > 0;
    const sameProblems = JSON.stringify(before?.problems ?? []) === JSON.stringify(turn.problems);
    if (before !== undefined && !isNewHead && before.accepted === accepted && sameProblems && !hasPublished) return;
    if (turn.problems.length > 0 && !sameProblems) {
      const errors = turn.problems.filter((problem) => problem.severity === "error");
      log.warn(
        { commit: head.slice(0, 12), errors: errors.length, first: errors[0]?.message },
        "the commit has problems",
      );
    }
    const record = nextFleetRecord(before, {
      head,
      accepted,
      problems: turn.problems,
      name: turn.read?.contract.fleet?.name,
      commit: {
        commit: isNewHead ? head : accepted,
        subject: isNewHead ? turn.subject : (turn.read?.snapshot.subject ?? ""),
        steps: clock.steps,
        slices: turn.published,
      },
      nowMs: this.#now(),
    });
    const entries: StoreEntry[] = [{ type: "fleet", record }];
    await store.write(entries, signal);
    state.applied(entries);
  }

  #audit(outcome: CycleOutcome, read: ReadCommit | undefined): readonly StoreEntry[] {
    const clusters = Object.keys(outcome.published).length;
    if (clusters === 0 || read === undefined) return [];
    const entry = {
      atMs: this.#now(),
      actor: "hub",
      action: "publish",
      subject: `${clusters} clusters`,
      commit: read.snapshot.commit,
    };
    return [{ type: "audit", entry }];
  }
}

function historyRewritten(head: string, accepted: string): Problem {
  return {
    severity: "error",
    code: "history-rewritten",
    message:
      `the branch was rewritten: ${head.slice(0, 12)} does not descend from ${accepted.slice(0, 12)}, the commit in force. ` +
      `The fleet stays where it is. If this is what you want, say so with \`axle approve --rewrite ${head.slice(0, 12)}\``,
  };
}
