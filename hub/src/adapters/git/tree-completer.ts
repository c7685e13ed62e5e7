import { Backoff } from "@axle/runtime/backoff.ts";
import { SourceError } from "../../sources/source-error.ts";
import { composeTree } from "./compose-tree.ts";
import type { Remote } from "./git-environment.ts";
import type { LfsFiles } from "./lfs-files.ts";
import type { Mirror } from "./mirror.ts";
import { RepositoryError } from "./repository-error.ts";
import { isStillComing } from "./still-coming.ts";
import type { TreeUses } from "./tree-uses.ts";
import { writeFolders } from "./write-folders.ts";
import type { Submodules } from "./submodules.ts";
import { limitsBeside, loadTree, type Tree, type TreeLimits } from "./tree.ts";

/** Submodules of submodules of submodules are as far as anybody goes. */
const MAX_DEPTH = 4;
const MAX_SUBMODULES = 64;
const MAX_REMEMBERED = 256;

export interface TreeCompleterOptions {
  readonly mirror: Mirror;
  readonly submodules: Submodules;
  readonly lfs: LfsFiles;
  readonly uses: TreeUses;
  readonly limits: TreeLimits;
  readonly now: () => number;
  /** How long a turn of the hub waits for the large files of all repositories together. */
  readonly patienceMs: number;
}

/** A completion with failures, and when it is worth trying again. */
interface Failed {
  readonly completion: Completion;
  readonly backoff: Backoff;
  retryAtMs: number;
}

/** What a commit only points at, by path: submodules and large files, and those that are not to be had. */
export interface Completion {
  /** Ids of trees, whole themselves. */
  readonly mounts: ReadonlyMap<string, string>;
  readonly blobs: ReadonlyMap<string, { readonly oid: string; readonly size: number }>;
  readonly failures: ReadonlyMap<string, SourceError>;
}

interface Level {
  readonly remote: Remote;
  readonly depth: number;
  readonly budget: Budget;
}

/** Shared by all levels of one completion. */
interface Budget {
  submodules: number;
  /** Servers that did not answer, with what was said: each is waited for once. */
  readonly silent: Map<string, SourceError>;
  /** What is left of the patience; undefined: whoever asks can wait. */
  patienceMs: number | undefined;
}

function newBudget(patienceMs: number | undefined): Budget {
  return { submodules: MAX_SUBMODULES, silent: new Map(), patienceMs };
}

/** Fetches what the trees of a repository only point at: submodules at their recorded commits, large files by their digest. */
export class TreeCompleter {
  readonly #options: TreeCompleterOptions;
  /** Trees that were completed without a failure, by tree and address. */
  readonly #whole = new Map<string, Completion>();
  /** A server that is silent must not take its time from every turn of the hub. */
  readonly #failed = new Map<string, Failed>();
  /** Ids of whole trees, by the tree they were made of and its address. */
  readonly #trees = new Map<string, string>();
  /** How often something came late. */
  #arrivals = 0;

  constructor(options: TreeCompleterOptions) {
    this.#options = options;
  }

  /** Of the followed commit: what fails is told by path, and only who reads it need wait. */
  complete(tree: Tree, remote: Remote, signal: AbortSignal): Promise<Completion> {
    return this.#complete(tree, { remote, depth: 0, budget: newBudget(this.#options.patienceMs) }, signal);
  }

  /** What was late is there, or failed: what was completed without it is due. */
  arrived(): void {
    this.#arrivals += 1;
    for (const failed of this.#failed.values()) {
      if (isLate(failed.completion)) failed.retryAtMs = 0;
    }
  }

  /** Folders of a tree's submodules, without those in them. */
  submodulesOf(tree: Tree): readonly string[] {
    return this.#options.submodules.listed(tree).map(({ path }) => path);
  }

  /**
   * Of a source: the id of a tree that has everything. Throws SourceError for the first thing that is not to be had, or not in
   * time where whoever asks is in a hurry.
   */
  async completeWhole(
    treeId: string,
    { remote, isHurried }: { readonly remote: Remote; readonly isHurried: boolean },
    signal: AbortSignal,
  ): Promise<string> {
    const key = `${treeId} ${remote.url}`;
    const known = this.#trees.get(key);
    if (known !== undefined) return known;
    const level = { remote, depth: 0, budget: newBudget(isHurried ? this.#options.patienceMs : undefined) };
    const tree = await this.#completeTree(treeId, level, signal);
    this.#trees.set(key, tree);
    dropOldest(this.#trees);
    return tree;
  }

  /** The mirror may have lost what was fetched: everything is looked at again. */
  forget(): void {
    for (const map of [this.#whole, this.#failed, this.#trees]) map.clear();
    this.#options.lfs.forget();
    this.#options.submodules.forget();
  }

  async #completeTree(treeId: string, level: Level, signal: AbortSignal): Promise<string> {
    const { mirror, limits } = this.#options;
    let tree: Tree;
    try {
      tree = await loadTree(mirror.objects, { oid: treeId, previous: undefined }, limits);
    } catch (error) {
      throw error instanceof RepositoryError ? sourceErrorFrom(error) : error;
    }
    const { mounts, blobs, failures } = await this.#complete(tree, level, signal);
    for (const [path, error] of failures) {
      throw new SourceError(
        error.code,
        error.message.includes(`"${path}"`) ? error.message : `"${path}": ${error.message}`,
        { cause: error },
      );
    }
    if (mounts.size === 0 && blobs.size === 0) return treeId;
    const whole = await this.#write(tree, { mounts, blobs });
    const large = [...blobs.values()].map(({ oid }) => oid);
    this.#options.uses.made(whole, [treeId, ...mounts.values(), ...large]);
    await mirror.setRef(`refs/axle/whole/${whole}`, whole, signal);
    return whole;
  }

  async #complete(tree: Tree, level: Level, signal: AbortSignal): Promise<Completion> {
    const key = `${tree.path} ${tree.oid} ${level.remote.url}`;
    const known = this.#whole.get(key);
    if (known !== undefined) return known;
    const failed = this.#failed.get(key);
    if (failed !== undefined && failed.retryAtMs > this.#options.now()) return failed.completion;
    const mounts = new Map<string, string>();
    const { blobs, failures: lost, arrivals } = await this.#largeFiles(tree, level, signal);
    const failures = new Map(lost);
    await this.#addSubmodules(tree, level, { mounts, failures }, signal);
    const completion = { mounts, blobs, failures };
    this.#remember(key, completion, failed?.backoff ?? new Backoff({ firstMs: 5_000, longestMs: 300_000 }));
    // It came between being waited for in vain and being remembered as missing.
    if (arrivals !== this.#arrivals && isLate(completion)) this.arrived();
    return completion;
  }

  async #largeFiles(tree: Tree, { remote, budget }: Level, signal: AbortSignal) {
    const arrivals = this.#arrivals;
    const { patienceMs } = budget;
    const startedMs = performance.now();
    const contents = await this.#options.lfs.contents(tree, remote, { patienceMs, signal });
    if (patienceMs !== undefined) budget.patienceMs = Math.max(0, patienceMs - (performance.now() - startedMs));
    return { ...contents, arrivals };
  }

  async #addSubmodules(
    tree: Tree,
    level: Level,
    to: { readonly mounts: Map<string, string>; readonly failures: Map<string, SourceError> },
    signal: AbortSignal,
  ): Promise<void> {
    const { submodules } = this.#options;
    const listed = submodules.listed(tree);
    if (listed.length === 0) return;
    const { remote, depth, budget } = level;
    let entries: Awaited<ReturnType<Submodules["entries"]>>;
    try {
      entries = await submodules.entries(tree, signal);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      for (const { path } of listed) to.failures.set(path, error);
      return;
    }
    for (const submodule of listed) {
      const { path } = submodule;
      try {
        if (depth >= MAX_DEPTH) throw tooMany(path, `lies more than ${MAX_DEPTH} repositories deep`);
        if ((budget.submodules -= 1) < 0) throw tooMany(path, `is one of more than ${MAX_SUBMODULES}`);
        const isPatient = budget.patienceMs === undefined;
        const from = { tree, remote, entries, silent: budget.silent, isPatient };
        const fetched = await submodules.fetch(submodule, from, signal);
        to.mounts.set(
          path,
          await this.#completeTree(fetched.tree, { remote: fetched.remote, depth: depth + 1, budget }, signal),
        );
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        to.failures.set(path, error);
      }
    }
  }

  /** The tree with everything in it, as objects of the mirror. */
  async #write(tree: Tree, { mounts, blobs }: Pick<Completion, "mounts" | "blobs">): Promise<string> {
    const { mirror, limits } = this.#options;
    const loaded = new Map<string, Tree>();
    let left = limitsBeside(tree, limits);
    try {
      for (const [path, oid] of mounts) {
        const mount = await loadTree(mirror.objects, { oid, previous: undefined, path }, left);
        left = limitsBeside(mount, left);
        loaded.set(path, mount);
      }
    } catch (error) {
      throw error instanceof RepositoryError ? sourceErrorFrom(error) : error;
    }
    const composed = composeTree(tree, { mounts: loaded, replaced: blobs });
    await writeFolders(mirror.command.directory, composed, [tree, ...loaded.values()]);
    return composed.oid;
  }

  #remember(key: string, completion: Completion, backoff: Backoff): void {
    this.#failed.delete(key);
    const { now } = this.#options;
    if (completion.failures.size === 0) this.#whole.set(key, completion);
    else this.#failed.set(key, { completion, backoff, retryAtMs: now() + backoff.nextMs() });
    dropOldest(this.#whole);
    dropOldest(this.#failed);
  }
}

function isLate({ failures }: Completion): boolean {
  return [...failures.values()].some(isStillComing);
}

function dropOldest(map: Map<string, unknown>): void {
  const [oldest] = map.keys();
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
}

function tooMany(path: string, why: string): SourceError {
  return new SourceError(
    "too-large",
    `the submodule "${path}" ${why}; copy its files in, or name it as a source of its own`,
  );
}

function sourceErrorFrom(error: RepositoryError): SourceError {
  const code = error.code === "escapes" ? "unsafe" : error.code === "too-large" ? "too-large" : "unreachable";
  return new SourceError(code, error.message, { cause: error });
}
