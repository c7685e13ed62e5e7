import { join } from "node:path";
import { Serial } from "@axle/runtime/serial.ts";
import type { Repository, Snapshot } from "../../ports.ts";
import { Checkout } from "./checkout.ts";
import { parseRemote } from "./git-environment.ts";
import { GitSnapshot, parseCommit, readLinks, TextCache, type CommitInfo } from "./git-snapshot.ts";
import { Mirror } from "./mirror.ts";
import { RepositoryError } from "./repository-error.ts";
import { DEFAULT_TREE_LIMITS, loadTree, type TreeLimits } from "./tree.ts";

/** Parents looked at one by one before git itself is asked: the usual push is a few commits. */
const QUICK_ANCESTORS = 64;

export interface GitRepositoryOptions {
  /** https, http, ssh, git or file address, `user@host:path`, or an absolute path; may hold user name and password. */
  readonly url: string;
  /** Followed branch; by default what the remote's HEAD names. */
  readonly branch?: string;
  /** Folder that is ours alone, for the mirror. */
  readonly directory: string;
  /** Where the tree of the snapshot stands, as `tree`; a sandbox's folder, so that renderers see nothing else. By default `directory`. */
  readonly checkoutDirectory?: string;
  /** The hub's environment; git sees PATH, proxies, certificate authorities and the SSH agent of it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly limits?: Partial<TreeLimits>;
}

/**
 * The followed branch of one repository through a bare mirror, and one commit at a time as a tree on disk. Fetches and
 * snapshots take turns. Constructors start nothing; dispose ends the reading process.
 */
export class GitRepository implements Repository, AsyncDisposable {
  readonly #mirror: Mirror;
  readonly #checkout: Checkout;
  readonly #texts: TextCache;
  readonly #limits: TreeLimits;
  readonly #branch: string | undefined;
  #defaultBranch: string | undefined;
  #lastSnapshot: Snapshot | undefined;
  #lastHead = "";
  readonly #turns = new Serial();

  constructor(options: GitRepositoryOptions) {
    const remote = parseRemote(options.url);
    if (options.branch !== undefined) refuseBadBranch(options.branch);
    this.#branch = options.branch;
    this.#limits = { ...DEFAULT_TREE_LIMITS, ...options.limits };
    this.#mirror = new Mirror({
      remote,
      directory: join(options.directory, "mirror.git"),
      environment: options.environment,
    });
    this.#checkout = new Checkout({
      directory: options.checkoutDirectory ?? options.directory,
      objects: this.#mirror.objects,
      git: this.#mirror.command,
    });
    this.#texts = new TextCache(this.#mirror.objects);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turns.run(() => this.#mirror[Symbol.asyncDispose]());
  }

  /** Throws RepositoryError. */
  fetch(known: string | undefined, signal: AbortSignal): Promise<{ head: string; rewritten: boolean }> {
    return this.#turns.run(() => this.#fetch(known, signal));
  }

  /** Throws RepositoryError; the tree of an earlier snapshot is changed in place. */
  snapshot(commit: string, signal: AbortSignal): Promise<Snapshot> {
    return this.#turns.run(() => this.#snapshot(commit, signal));
  }

  async #fetch(known: string | undefined, signal: AbortSignal): Promise<{ head: string; rewritten: boolean }> {
    signal.throwIfAborted();
    const branch = this.#branch ?? (this.#defaultBranch ??= await this.#mirror.findDefaultBranch(signal));
    let head: string;
    try {
      refuseBadBranch(branch);
      await this.#mirror.fetch(branch, signal);
      head = (await this.#readCommit(`refs/heads/${branch}`)).commit;
    } catch (error) {
      this.#defaultBranch = undefined;
      throw this.#noted(error);
    }
    await this.#mirror.maintain(head !== this.#lastHead, signal);
    this.#lastHead = head;
    const rewritten = known !== undefined && known !== head && !(await this.#descends(head, known, signal));
    return { head, rewritten };
  }

  async #snapshot(commit: string, signal: AbortSignal): Promise<Snapshot> {
    signal.throwIfAborted();
    if (this.#lastSnapshot?.commit === commit && this.#checkout.current !== undefined) return this.#lastSnapshot;
    try {
      const info = await this.#readCommit(commit);
      const previous = this.#checkout.current;
      const { objects } = this.#mirror;
      const tree = await loadTree(objects, { oid: info.tree, previous }, this.#limits);
      const links = await readLinks(objects, tree);
      signal.throwIfAborted();
      await this.#checkout.bringTo(tree, signal);
      const snapshot = new GitSnapshot({ commit: info, root: this.#checkout.root, tree, links, texts: this.#texts });
      this.#lastSnapshot = snapshot;
      return snapshot;
    } catch (error) {
      throw this.#noted(error);
    }
  }

  async #readCommit(name: string): Promise<CommitInfo> {
    const object = await this.#mirror.objects.read(name);
    if (object === undefined) {
      await this.#mirror.proveMissing(name);
      throw new RepositoryError(
        "not-found",
        `${name} is not in the mirror; fetch first, or check that it was not removed`,
      );
    }
    if (object.type !== "commit") throw new RepositoryError("git", `${name} is a ${object.type}, expected a commit`);
    return parseCommit(object.oid, object.content);
  }

  async #descends(head: string, known: string, signal: AbortSignal): Promise<boolean> {
    const seen = new Set<string>();
    for (let generation = [head]; generation.length > 0 && seen.size < QUICK_ANCESTORS;) {
      const commits = await Promise.all(generation.map((oid) => this.#readCommit(oid)));
      const parents = new Set(commits.flatMap((commit) => commit.parents));
      if (parents.has(known)) return true;
      generation = [...parents].filter((oid) => !seen.has(oid));
      for (const oid of generation) seen.add(oid);
    }
    if ((await this.#mirror.objects.info(known))?.type !== "commit") return false;
    return this.#mirror.isAncestor(known, head, signal);
  }

  #noted(error: unknown): unknown {
    if (error instanceof RepositoryError && error.code === "corrupt") this.#mirror.distrust();
    return error;
  }
}

/** The rules of `git check-ref-format` that keep a name from being read as anything else. */
function refuseBadBranch(branch: string): void {
  if (!/^(?!-)[^\0-\x20\x7f~^:?*[\\]+$/.test(branch) || /\.\.|@\{|\/\/|\.lock$|^\/|\/$/.test(branch)) {
    throw new RepositoryError("branch-missing", `${JSON.stringify(branch)} cannot be the name of a branch`);
  }
}
