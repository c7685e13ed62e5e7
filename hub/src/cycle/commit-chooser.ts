import type { Problem } from "@axle/core/fleet/problem.ts";
import type { CommitReader, ReadCommit } from "./commit-reader.ts";
import type { RefRecord } from "../ports.ts";
import { isRefused } from "./fleet-cycle.ts";

export interface CommitChooserOptions {
  readonly reader: Pick<CommitReader, "read">;
  /** Total: what the repository adapter threw for this commit, as a problem; undefined when it is no fault of the commit. */
  readonly commitProblemOf: (error: unknown) => Problem | undefined;
  /** What the repository adapter throws for a commit it does not have. */
  readonly isMissing: (error: unknown) => boolean;
}

/** The branch's newest commit. */
export interface Head {
  readonly commit: string;
  /** It does not descend from the commit in force. */
  readonly rewritten: boolean;
}

/** What the fleet's record says is in force. */
export interface InForce {
  /** "" when nothing was accepted yet. */
  readonly accepted: string;
  readonly allowedRewrite?: string | undefined;
  /** Of other branches and tags. */
  readonly refs?: Readonly<Record<string, RefRecord>> | undefined;
}

/** The commit to plan from, if there is one, and what is wrong with a newer one. */
export interface Choice {
  readonly read: ReadCommit | undefined;
  readonly problems: readonly Problem[];
  /** Of the head, where it was read. */
  readonly subject: string;
  /** What was read, where nothing may be planned from it, nor from any other commit. */
  readonly blocked?: ReadCommit;
}

/** A head that is not applied, and why. */
interface Unfit {
  readonly commit: string;
  readonly problems: readonly Problem[];
  readonly subject: string;
}

/**
 * Chooses the newest commit that may be applied (S3). What is wrong with a commit stays until the next, so a head that
 * was refused is not read again: only one tree stands on disk, and it is that of the commit in force. One that only
 * waits for something outside of it is read again when that may have come; meanwhile the commit in force is still what
 * clusters that join get.
 */
export class CommitChooser {
  readonly #options: CommitChooserOptions;
  #refused: Unfit | undefined;
  #blocked: Unfit | undefined;

  constructor(options: CommitChooserOptions) {
    this.#options = options;
  }

  /**
   * `head` undefined: the repository is away; what is in force stays so. `mayHaveCome`: what a head waits for may be there
   * by now. Throws what the repository throws.
   */
  async choose(
    { head, mayHaveCome }: { readonly head: Head | undefined; readonly mayHaveCome: boolean },
    inForce: InForce,
    signal: AbortSignal,
  ): Promise<Choice> {
    const isWaiting = head !== undefined && this.#blocked?.commit === head.commit;
    if (isWaiting && !mayHaveCome) return this.#stayBehind(this.#blocked as Unfit, inForce, signal);
    this.#blocked = undefined;
    const choice = await this.#choose(head, inForce, signal);
    const { read, problems, subject } = choice;
    if (read?.isBlocked !== true) return choice;
    const { commit } = read.snapshot;
    const all = [...problems, ...read.contract.problems];
    if (commit !== head?.commit || commit === inForce.accepted || inForce.accepted === "") {
      return { read: undefined, problems: all, subject, blocked: read };
    }
    this.#blocked = { commit, problems: all, subject };
    return this.#stayBehind(this.#blocked, inForce, signal);
  }

  /** With the commit in force behind a head that waits; with none where that hides apps, too. */
  async #stayBehind(waiting: Unfit, inForce: InForce, signal: AbortSignal): Promise<Choice> {
    const stayed = await this.#stay(inForce, waiting, signal);
    if (stayed.read?.isBlocked !== true) return stayed;
    const { problems, subject } = waiting;
    return { read: undefined, problems, subject, blocked: stayed.read };
  }

  async #choose(head: Head | undefined, inForce: InForce, signal: AbortSignal): Promise<Choice> {
    if (head === undefined) return this.#stay(inForce, { problems: [], subject: "" }, signal);
    if (head.rewritten && inForce.allowedRewrite !== head.commit) {
      const problems = [historyRewritten(head.commit, inForce.accepted)];
      return this.#stay(inForce, { problems, subject: "" }, signal);
    }
    if (this.#refused?.commit !== head.commit) {
      const read = await this.#read(head.commit, inForce, signal);
      if (read !== undefined) return { read, problems: [], subject: read.snapshot.subject };
    }
    return this.#stay(inForce, this.#refused ?? { problems: [], subject: "" }, signal);
  }

  /** Undefined when the commit is refused. */
  async #read(commit: string, { refs = {} }: InForce, signal: AbortSignal): Promise<ReadCommit | undefined> {
    const { reader, commitProblemOf } = this.#options;
    try {
      const read = await reader.read(commit, refs, signal);
      if (!isRefused(read)) return read;
      this.#refused = { commit, problems: read.contract.problems, subject: read.snapshot.subject };
    } catch (error) {
      signal.throwIfAborted();
      const problem = commitProblemOf(error);
      if (problem === undefined) throw error;
      this.#refused = { commit, problems: [problem], subject: "" };
    }
    return undefined;
  }

  /** With the commit in force; where the repository does not have that any more, with none. */
  async #stay(
    { accepted, refs = {} }: InForce,
    why: { readonly problems: readonly Problem[]; readonly subject: string },
    signal: AbortSignal,
  ): Promise<Choice> {
    const { problems, subject } = why;
    if (accepted === "") return { read: undefined, problems, subject };
    try {
      return { read: await this.#options.reader.read(accepted, refs, signal), problems, subject };
    } catch (error) {
      signal.throwIfAborted();
      if (!this.#options.isMissing(error)) throw error;
      return { read: undefined, problems: [...problems, commitGone(accepted)], subject };
    }
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

function commitGone(accepted: string): Problem {
  return {
    severity: "error",
    code: "history-rewritten",
    message:
      `${accepted.slice(0, 12)}, the commit in force, is not in the repository any more. Clusters keep what they have, ` +
      "and one that joins gets nothing, until a newer commit is accepted",
  };
}
