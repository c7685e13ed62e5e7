import type { Problem } from "@axle/core/fleet/problem.ts";
import { describeSource } from "@axle/core/fleet/source-request.ts";
import type { WantedRef } from "@axle/core/fleet/source-requests.ts";
import type { Fetched, RefRecord, Repository } from "../ports.ts";
import type { RefRepository, RepositoryCommit } from "../source-ports.ts";
import { findRef } from "./find-ref.ts";
import { SourceError } from "./source-error.ts";

/** The commit a branch, tag or commit is taken from. */
export interface ChosenRef {
  /** What the repository has; the commit itself where nobody could be asked. */
  readonly head: string;
  readonly commit: string;
  /** Why it is not the head, in words. */
  readonly held?: Problem;
}

/**
 * Which commit of the repository each branch and tag stands for: the newest that descends from the one in force. Like the
 * followed branch, one that was rewritten stays where it was until a person says yes, and so does one that is gone while a
 * file names it; tags are not meant to move, so any other commit counts as rewritten.
 */
export class RefDesk {
  readonly #repository: Pick<Repository, "fetch"> & RefRepository;
  /** Asked for with every fetch, in one exchange. */
  #wanted: readonly WantedRef[] = [];
  /** As the last fetch that succeeded brought them; undefined before the first. */
  #fetched: { readonly wanted: ReadonlySet<string>; readonly refs: ReadonlyMap<string, string> } | undefined;
  #isReached = false;
  readonly #descents = new Map<string, boolean>();
  readonly #commits = new Map<string, RepositoryCommit>();

  constructor(repository: Pick<Repository, "fetch"> & RefRepository) {
    this.#repository = repository;
  }

  /** As {@link Repository.fetch}; the refs it brings are remembered. */
  async fetch(known: string | undefined, signal: AbortSignal): Promise<Fetched> {
    this.#isReached = false;
    const wanted = this.#wanted;
    const fetched = await this.#repository.fetch(known, signal, wanted);
    this.#fetched = { wanted: new Set(wanted.map(nameOf)), refs: fetched.refs ?? new Map() };
    this.#isReached = true;
    return fetched;
  }

  /** Fetches once more when a commit names refs that were not asked for. A repository that is away is no error here. */
  async cover(wanted: readonly WantedRef[], signal: AbortSignal): Promise<void> {
    this.#wanted = wanted;
    if (!this.#isReached || wanted.every((ref) => this.#fetched?.wanted.has(nameOf(ref)) === true)) return;
    try {
      await this.fetch(undefined, signal);
    } catch {
      // The loop's next fetch says what is wrong; until then what is in force stays so.
      signal.throwIfAborted();
    }
  }

  /** Names of the branches there are, of those that were asked for; undefined where nobody could be asked. */
  branches(wanted: readonly WantedRef[]): readonly string[] | undefined {
    const fetched = this.#fetched;
    if (fetched === undefined || !wanted.every((ref) => fetched.wanted.has(nameOf(ref)))) return undefined;
    const prefix = "refs/heads/";
    return [...fetched.refs.keys()].filter((ref) => ref.startsWith(prefix)).map((ref) => ref.slice(prefix.length));
  }

  /** Throws SourceError where there is nothing to take the ref from. */
  async choose(ref: string, inForce: RefRecord | undefined, signal: AbortSignal): Promise<ChosenRef> {
    const shown = describeSource({ type: "ref", ref });
    const found = this.#fetched === undefined ? undefined : findRef(ref, this.#fetched.refs);
    if (found === undefined || (found.type === "missing" && !this.#asked(ref))) {
      if (inForce !== undefined) return { head: inForce.head, commit: inForce.accepted };
      throw new SourceError("unreachable", `${shown}: the repository cannot be reached to ask for it`);
    }
    if (found.type !== "found") {
      const why = found.type === "missing" ? "is not in the repository" : "is the name of a branch and of a tag";
      const remedy = found.type === "missing" ? "push it, or name another" : "write refs/heads/… or refs/tags/…";
      if (inForce === undefined) throw new SourceError("not-found", `${shown} ${why}; ${remedy}`);
      return stay(inForce, "", `${shown} ${why} any more; ${remedy}`);
    }
    const { commit, isTag } = found;
    if (inForce === undefined || commit === inForce.accepted || commit === inForce.allowedRewrite) {
      return { head: commit, commit };
    }
    if (!isTag && (await this.#descends(commit, inForce.accepted, signal))) return { head: commit, commit };
    const short = commit.slice(0, 12);
    const what = isTag
      ? `${shown} was moved to ${short}`
      : `${shown} was rewritten: ${short} does not descend from ${inForce.accepted.slice(0, 12)}, the commit in force`;
    return stay(inForce, commit, `${what}. If this is what you want, say so with \`axle approve --rewrite ${short}\``);
  }

  #asked(ref: string): boolean {
    const names = ref.startsWith("refs/") ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`];
    const asked = [...(this.#fetched?.wanted ?? [])];
    return names.every((name) =>
      asked.some((wanted) => (wanted.endsWith("*") ? name.startsWith(wanted.slice(0, -1)) : name === wanted)),
    );
  }

  /** As {@link RefRepository.commitOf}, remembered: nothing of a commit changes. */
  async commitOf(id: string, signal: AbortSignal): Promise<RepositoryCommit> {
    const known = this.#commits.get(id);
    if (known !== undefined) return known;
    const commit = await this.#repository.commitOf(id, signal);
    if (this.#commits.size >= 1_000) this.#commits.clear();
    this.#commits.set(id, commit);
    return commit;
  }

  /** The mirror may have lost what was in it. */
  clear(): void {
    this.#commits.clear();
  }

  async #descends(newer: string, older: string, signal: AbortSignal): Promise<boolean> {
    const key = `${newer} ${older}`;
    const known = this.#descents.get(key);
    if (known !== undefined) return known;
    const descends = await this.#repository.descends(newer, older, signal);
    if (this.#descents.size >= 1_000) this.#descents.clear();
    this.#descents.set(key, descends);
    return descends;
  }
}

/** With the commit in force, and why. */
export function stay({ accepted }: RefRecord, head: string, why: string): ChosenRef {
  const message = `${why}. Its apps stay where they are, at ${accepted.slice(0, 12)}`;
  return {
    head: head === "" ? accepted : head,
    commit: accepted,
    held: { severity: "error", code: "ref-held", message },
  };
}

function nameOf({ prefix, all }: WantedRef): string {
  return all ? `${prefix}*` : prefix;
}
