import { join } from "node:path";
import type { WantedRef } from "@axle/core/fleet/source-requests.ts";
import { Serial } from "@axle/runtime/serial.ts";
import type { Fetched, Repository, Snapshot } from "../../ports.ts";
import type {
  CommitsInForce,
  Composition,
  RefRepository,
  RepositoryCommit,
  SourceFetcher,
  TreeKeeper,
} from "../../source-ports.ts";
import { SourceError, type SourceErrorCode } from "../../sources/source-error.ts";
import { AddressRule } from "../outbound/address-rule.ts";
import { HttpClient } from "../outbound/http-client.ts";
import { Checkout } from "./checkout.ts";
import { composeCompleted } from "./completed-snapshot.ts";
import { NO_CREDENTIALS, type CredentialSource } from "../../credentials/credential.ts";
import { parseAddress } from "../../credentials/remote-address.ts";
import { GitAccess } from "./git-access.ts";
import { parseRemote, type Remote } from "./git-environment.ts";
import { createGitSources } from "./git-sources.ts";
import {
  GitSnapshot,
  linksOf,
  parseCommit,
  proveInside,
  readLinks,
  refuseOwnFolder,
  TextCache,
  type CommitInfo,
} from "./git-snapshot.ts";
import { Mirror } from "./mirror.ts";
import { MirrorCollector } from "./mirror-collector.ts";
import { RepositoryError } from "./repository-error.ts";
import { DEFAULT_TREE_LIMITS, loadTree, type Tree, type TreeLimits } from "./tree.ts";
import type { TreeCompleter } from "./tree-completer.ts";
import { TreeComposer } from "./tree-composer.ts";
import { MirrorTrees } from "./tree-keeper.ts";
import { TreeUses } from "./tree-uses.ts";
import { writeFolders } from "./write-folders.ts";

/** Longer than anything takes from being written to being led to. */
const PRUNE_GRACE_MS = 24 * 3_600_000;
/** Parents looked at one by one before git itself is asked: the usual push is a few commits. */
const QUICK_ANCESTORS = 64;
const NOTHING_ELSE: Composition = { mounts: new Map(), replaced: new Map() };

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
  /** What to show to servers; nothing by default. */
  readonly credentials?: CredentialSource;
  readonly now?: () => number;
  /** How long objects of the mirror that nothing leads to are left before they are pruned. */
  readonly pruneGraceMs?: number;
  /** How long a snapshot waits for one submodule, and for all large files. */
  readonly patienceMs?: number;
  /** A submodule or large file that a snapshot went on without is there, or failed: the snapshot should be asked for again. */
  readonly onReady?: () => void;
}

/**
 * The followed branch of one repository through a bare mirror, and one commit at a time as a tree on disk. Fetches and
 * snapshots take turns. Constructors start nothing; dispose ends the reading process.
 */
export class GitRepository implements Repository, RefRepository, AsyncDisposable {
  readonly #mirror: Mirror;
  readonly #checkout: Checkout;
  readonly #texts: TextCache;
  readonly #limits: TreeLimits;
  readonly #branch: string | undefined;
  #defaultBranch: string | undefined;
  readonly #composer: TreeComposer;
  /** The tree of the commit that was read last, without what was laid over it. */
  #lastBase: Tree | undefined;
  #lastSnapshot: Snapshot | undefined;
  /** The trees the last snapshot was composed of, the commit's own first. */
  #lastParts: readonly Tree[] = [];
  /** Of the tree on disk. */
  #replaced = new AbortController();
  /** Where files of other sources are kept. */
  readonly trees: TreeKeeper;
  /** Brings other Git repositories into the same mirror. */
  readonly sources: SourceFetcher;
  /** Which addresses the repository may make the hub ask. */
  readonly rule: AddressRule;
  readonly #remote: Remote;
  readonly #completer: TreeCompleter;
  readonly #http: HttpClient;
  readonly #elsewhere: ReturnType<typeof createGitSources>;
  readonly #uses = new TreeUses();
  readonly #collector: MirrorCollector;
  #lastHead = "";
  readonly #turns = new Serial();

  constructor(options: GitRepositoryOptions) {
    const remote = (this.#remote = parseRemote(options.url));
    if (options.branch !== undefined) refuseBadBranch(options.branch);
    this.#branch = options.branch;
    this.#limits = { ...DEFAULT_TREE_LIMITS, ...options.limits };
    const { environment, credentials = NO_CREDENTIALS } = options;
    const access = new GitAccess({ directory: join(options.directory, "access"), environment, credentials });
    this.#mirror = new Mirror({
      remote,
      access,
      directory: join(options.directory, "mirror.git"),
      environment,
    });
    this.#checkout = new Checkout({
      directory: options.checkoutDirectory ?? options.directory,
      objects: this.#mirror.objects,
      git: this.#mirror.command,
    });
    this.#texts = new TextCache(this.#mirror.objects);
    this.#composer = new TreeComposer(this.#mirror, this.#limits);
    this.trees = new MirrorTrees(this.#mirror, this.#uses, (work) => this.#turns.run(work));
    this.rule = new AddressRule({ credentials, ownUrl: remote.url });
    this.#http = new HttpClient({ environment, guard: { exempt: parseAddress(remote.url)?.host } });
    this.#elsewhere = createGitSources({
      mirror: this.#mirror,
      access,
      rule: this.rule,
      credentials,
      ask: this.#http.ask,
      trees: this.trees,
      uses: this.#uses,
      directory: join(options.directory, "sources"),
      limits: this.#limits,
      now: options.now ?? Date.now,
      onReady: options.onReady ?? (() => undefined),
      ...(options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }),
    });
    this.#completer = this.#elsewhere.completer;
    this.sources = this.#elsewhere.sources;
    this.#collector = new MirrorCollector({
      mirror: this.#mirror,
      fetcher: this.#elsewhere.fetcher,
      file: join(options.directory, "unused.json"),
      now: options.now ?? Date.now,
      graceMs: options.pruneGraceMs ?? PRUNE_GRACE_MS,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#elsewhere[Symbol.asyncDispose]();
    await this.#turns.run(() => this.#mirror[Symbol.asyncDispose]());
    await this.#http[Symbol.asyncDispose]();
  }

  /** Throws RepositoryError. */
  fetch(known: string | undefined, signal: AbortSignal, wanted: readonly WantedRef[] = []): Promise<Fetched> {
    return this.#turns.run(() => this.#fetch(known, wanted, signal));
  }

  /** Throws SourceError. */
  commitOf(id: string, signal: AbortSignal): Promise<RepositoryCommit> {
    return this.#turns.run(() => this.#commitOf(id, signal));
  }

  descends(newer: string, older: string, signal: AbortSignal): Promise<boolean> {
    return this.#turns.run(async () => newer === older || (await this.#descends(newer, older, signal)));
  }

  /** Throws RepositoryError; the tree of an earlier snapshot is changed in place. */
  snapshot(commit: string, signal: AbortSignal, composition?: Composition): Promise<Snapshot> {
    return this.#turns.run(() => this.#snapshot(commit, signal, composition ?? NOTHING_ELSE));
  }

  /** Of nothing but the commit that is in force and read: only then is it known what is in use. */
  collect(inForce: CommitsInForce, keepMs: number, signal: AbortSignal): Promise<number> {
    return this.#turns.run(async () => {
      const [base] = this.#lastParts;
      const { current } = this.#checkout;
      if (this.#lastSnapshot?.commit !== inForce.commit || base === undefined || current === undefined) return 0;
      // Nothing else leads to the folders that were composed, and to contents that were rewritten.
      await writeFolders(this.#mirror.command.directory, current, this.#lastParts);
      const roots = [current.oid, inForce.commit, ...inForce.others];
      const objects = new Set([...this.#uses.take(), ...roots]);
      const dropped = await this.#collector.collect({ objects, roots }, keepMs, signal);
      if (dropped > 0) this.#completer.forget();
      return dropped;
    });
  }

  async #fetch(known: string | undefined, wanted: readonly WantedRef[], signal: AbortSignal): Promise<Fetched> {
    signal.throwIfAborted();
    const branch = this.#branch ?? (this.#defaultBranch ??= await this.#mirror.findDefaultBranch(signal));
    let head: string;
    let refs: ReadonlyMap<string, string>;
    try {
      refuseBadBranch(branch);
      await this.#mirror.fetch(branch, wanted, signal);
      head = (await this.#readCommit(`refs/heads/${branch}`)).commit;
      refs = await this.#mirror.listRefs(wanted, signal);
    } catch (error) {
      this.#defaultBranch = undefined;
      throw this.#noted(error);
    }
    await this.#mirror.maintain(head !== this.#lastHead, signal);
    this.#lastHead = head;
    const rewritten = known !== undefined && known !== head && !(await this.#descends(head, known, signal));
    return { head, rewritten, refs };
  }

  async #commitOf(id: string, signal: AbortSignal): Promise<RepositoryCommit> {
    signal.throwIfAborted();
    try {
      if ((await this.#mirror.objects.info(id)) === undefined) await this.#mirror.fetchCommit(id, signal);
      const commit = await this.#readCommit(id);
      // A branch of ours has submodules and large files as the followed one has.
      const from = { remote: this.#remote, isHurried: true };
      const tree = await this.#completer.completeWhole(commit.tree, from, signal);
      this.#uses.made(tree, [id]);
      return { ...commit, tree };
    } catch (error) {
      if (error instanceof SourceError) throw error;
      if (!(this.#noted(error) instanceof RepositoryError)) throw error;
      throw sourceErrorFrom(error as RepositoryError, `the commit ${id.slice(0, 12)} of the repository`);
    }
  }

  async #snapshot(commit: string, signal: AbortSignal, composition: Composition): Promise<Snapshot> {
    signal.throwIfAborted();
    try {
      const info = await this.#readCommit(commit);
      const { objects } = this.#mirror;
      const base = await loadTree(objects, { oid: info.tree, previous: this.#lastBase }, this.#limits);
      refuseOwnFolder(base);
      const links = [await readLinks(objects, base)];
      const parts = { composition, composer: this.#composer, completer: this.#completer, remote: this.#remote };
      const { tree, mounts, missing, submodules, largeFiles } = await composeCompleted(base, parts, signal);
      for (const mount of mounts) links.push(await readLinks(objects, mount));
      if (composition.links !== undefined) links.push(composition.links);
      this.#lastBase = base;
      signal.throwIfAborted();
      const last = this.#lastSnapshot;
      const failed = composition.failed ?? new Map<string, string>();
      const allLinks = linksOf(tree, links);
      if (composition.links !== undefined) proveInside(allLinks, mounts);
      this.#uses.stand([commit, ...mounts.map(({ oid }) => oid), ...largeFiles]);
      this.#lastParts = [base, ...mounts];
      const isLast = last?.commit === commit && this.#checkout.current?.oid === tree.oid;
      if (isLast && isSame(last.failedSources, failed) && isSame(last.missing, missing)) return last;
      this.#lastSnapshot = undefined;
      if (this.#checkout.current?.oid !== tree.oid) {
        this.#replaced.abort(new RepositoryError("git", "another tree takes the place of the one that was read"));
        this.#replaced = new AbortController();
      }
      await this.#checkout.bringTo(tree, signal);
      const read = { commit: info, root: this.#checkout.root, tree, links: allLinks, texts: this.#texts };
      const told = { failedSources: new Map(failed), replaced: this.#replaced.signal, missing, submodules };
      return (this.#lastSnapshot = new GitSnapshot({ ...read, ...told }));
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
    if (error instanceof RepositoryError && error.code === "corrupt") {
      this.#mirror.distrust();
      this.#completer.forget();
    }
    return error;
  }
}

/** The same reasons for the same things. */
function isSame(before: ReadonlyMap<string, unknown> | undefined, after: ReadonlyMap<string, unknown>): boolean {
  const words = (map: ReadonlyMap<string, unknown>): string =>
    [...map].map(([name, why]) => `${name}\n${String(why)}`).join("\n");
  return words(before ?? new Map()) === words(after);
}

/** The rules of `git check-ref-format` that keep a name from being read as anything else. */
function refuseBadBranch(branch: string): void {
  if (!/^(?!-)[^\0-\x20\x7f~^:?*[\\]+$/.test(branch) || /\.\.|@\{|\/\/|\.lock$|^\/|\/$/.test(branch)) {
    throw new RepositoryError("branch-missing", `${JSON.stringify(branch)} cannot be the name of a branch`);
  }
}

/** What git says of a source: a commit that is not there is not asked for again until something changes. */
function sourceErrorFrom(error: RepositoryError, what: string): SourceError {
  const code: SourceErrorCode =
    error.code === "auth" ? "unauthorized" : error.code === "unreachable" ? "unreachable" : "not-found";
  return new SourceError(code, `${what} cannot be had: ${error.message}`, { cause: error });
}
