import { createHash } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { race, withDeadline } from "@axle/runtime/deadline.ts";
import { Serial } from "@axle/runtime/serial.ts";
import type { AskHttp } from "../../credentials/ask-http.ts";
import type { CredentialSource } from "../../credentials/credential.ts";
import { SourceError } from "../../sources/source-error.ts";
import type { AddressRule } from "../outbound/address-rule.ts";
import { askGit } from "./ask-git.ts";
import { reachError, sourceErrorOf, type GitFailure } from "./explain-failure.ts";
import { followRedirect } from "./follow-redirect.ts";
import { confineGit, type GitAccess } from "./git-access.ts";
import type { Remote } from "./git-environment.ts";
import { parseCommit } from "./git-snapshot.ts";
import type { Mirror } from "./mirror.ts";
import { StillComing } from "./still-coming.ts";
import type { TreeUses } from "./tree-uses.ts";
import { Underway } from "./underway.ts";

export interface FetchLimits {
  /** Of one call to a server. */
  readonly timeoutMs: number;
  /** How long somebody waits for it who must go on. */
  readonly patienceMs: number;
  /** Of what one fetch brings. */
  readonly maxBytes: number;
}

export interface CommitFetcherOptions {
  readonly mirror: Pick<Mirror, "command" | "objects" | "setRef">;
  readonly uses: TreeUses;
  readonly access: GitAccess;
  /** Which addresses are asked. */
  readonly rule: Pick<AddressRule, "resolve">;
  readonly ask: AskHttp;
  readonly credentials: CredentialSource;
  /** Folder that is ours alone: what was fetched last from each address, so that the next fetch brings only what is new. */
  readonly directory: string;
  readonly limits: FetchLimits;
  /** A commit somebody went on without is there, or failed. */
  readonly onReady: () => void;
}

export interface ResolvedRef {
  readonly commit: string;
  /** It will name another commit one day. */
  readonly isBranch: boolean;
}

const COMMIT_ID = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/**
 * Commits of other repositories, as objects of the mirror. They are fetched without their history into a repository of their
 * own that shares the mirror's objects: Git notes where a history was cut per repository, and a cut in the mirror could make
 * the followed branch look rewritten.
 */
export class CommitFetcher {
  readonly #options: CommitFetcherOptions;
  readonly #turns = new Map<string, Serial>();
  readonly #underway: Underway<string>;
  /** Where servers said repositories are, by the address that is written. */
  readonly #moved = new Map<string, Remote>();
  /** Fetches that run. */
  #active = 0;
  /** Settles when fetching may go on. */
  #paused: Promise<void> | undefined;

  constructor(options: CommitFetcherOptions) {
    this.#options = options;
    this.#underway = new Underway(options.onReady);
  }

  /** Ends what still runs. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#underway[Symbol.asyncDispose]();
  }

  /** The mirror may have lost what was fetched. */
  clear(): void {
    this.#underway.clear();
  }

  /**
   * As {@link fetch}, for who must not wait long: after a while it throws SourceError `unreachable` and the fetch goes on, so
   * that what it brings is there when it is asked for again.
   */
  async fetchPatiently(remote: Remote, want: { readonly commit: string }, signal: AbortSignal): Promise<string> {
    const { patienceMs } = this.#options.limits;
    const { signal: stop } = this.#underway;
    const fetch = (): Promise<string> => this.fetch(remote, want, stop);
    const tree = await this.#underway.take(`${remote.url} ${want.commit}`, fetch, { patienceMs, signal });
    if (tree !== undefined) return tree;
    throw new StillComing(`cannot fetch ${remote.url} at once: it takes more than ${patienceMs} ms, and goes on`);
  }

  /** The commit a branch, tag or commit id names now; a branch wins over a tag. Throws SourceError. */
  async resolve(remote: Remote, ref: string, signal: AbortSignal): Promise<ResolvedRef> {
    if (COMMIT_ID.test(ref)) return { commit: ref, isBranch: false };
    refuseBadRef(ref);
    const names = ref.startsWith("refs/") ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`];
    const wanted = names.flatMap((name) => [name, `${name}^{}`]);
    const listed = await this.#ask(remote, ["ls-remote", "--", remote.url, ...wanted], signal);
    const ids = new Map(listed.split("\n").map((line) => [line.split("\t")[1] ?? "", line.split("\t")[0] ?? ""]));
    for (const name of names) {
      // An annotated tag is an object of its own; what it names is listed beside it.
      const id = ids.get(`${name}^{}`) ?? ids.get(name);
      if (id !== undefined) return { commit: id, isBranch: name.startsWith("refs/heads/") };
    }
    const hint = /^[0-9a-f]{7,39}$/.test(ref) ? "; a commit is named by its whole id" : "";
    throw new SourceError("not-found", `${remote.url} has no branch or tag "${ref}"${hint}`);
  }

  /**
   * The id of the commit's tree; the mirror then has all of it. `ref` helps with servers that give commits only by branch or
   * tag. Throws SourceError.
   */
  async fetch(
    remote: Remote,
    want: { readonly commit: string; readonly ref?: string },
    signal: AbortSignal,
  ): Promise<string> {
    const { mirror, uses } = this.#options;
    const kept = `refs/axle/trees/${want.commit}`;
    const tree = (await mirror.objects.info(kept))?.oid ?? (await this.#bringTree(remote, want, kept, signal));
    uses.use(tree);
    return tree;
  }

  /** Runs work while nothing is fetched; false where something is. What is to be fetched waits for it. */
  async whileIdle(work: () => Promise<void>): Promise<boolean> {
    if (this.#active > 0) return false;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#paused = promise;
    try {
      await work();
      return true;
    } finally {
      this.#paused = undefined;
      resolve();
    }
  }

  /** Forgets what was fetched last from each address: the next fetch brings everything. */
  async forgetLast(): Promise<void> {
    await rm(this.#options.directory, { recursive: true, force: true });
  }

  async #bringTree(
    remote: Remote,
    want: { readonly commit: string; readonly ref?: string },
    kept: string,
    signal: AbortSignal,
  ): Promise<string> {
    while (this.#paused !== undefined) await race(this.#paused, signal);
    this.#active += 1;
    try {
      return await this.#fetchTree(remote, want, kept, signal);
    } finally {
      this.#active -= 1;
    }
  }

  async #fetchTree(
    remote: Remote,
    want: { readonly commit: string; readonly ref?: string },
    kept: string,
    signal: AbortSignal,
  ): Promise<string> {
    const { mirror } = this.#options;
    const turns = this.#turns.get(remote.url) ?? new Serial();
    this.#turns.set(remote.url, turns);
    await turns.run(() => this.#fetch(remote, want, signal));
    const object = await mirror.objects.read(want.commit);
    if (object?.type !== "commit") {
      throw new SourceError("not-found", `${remote.url} has no commit ${want.commit}; was it removed by a force push?`);
    }
    const { tree } = parseCommit(object.oid, object.content);
    await mirror.setRef(kept, tree, signal);
    return tree;
  }

  async #fetch(
    remote: Remote,
    want: { readonly commit: string; readonly ref?: string },
    signal: AbortSignal,
  ): Promise<void> {
    const { commit, ref } = want;
    const shallow = ["--depth=1", "--", remote.url, `+${commit}:refs/axle/last`];
    const attempts = [shallow];
    if (ref !== undefined && !COMMIT_ID.test(ref)) {
      const names = ref.startsWith("refs/") ? [ref] : [`refs/heads/${ref}*`, `refs/tags/${ref}*`];
      attempts.push(["--", remote.url, ...names.map((name) => `+${name}:${name}`)]);
    }
    attempts.push(["--", remote.url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]);
    let refusal: SourceError | undefined;
    for (const attempt of attempts) {
      const failure = await this.#bring(remote, attempt, signal);
      if (failure === undefined && (await this.#options.mirror.objects.info(commit))?.type === "commit") return;
      if (failure !== undefined && failure.kind !== "not-advertised") throw sourceErrorOf(failure, undefined);
      refusal = failure === undefined ? undefined : sourceErrorOf(failure, undefined);
    }
    if (refusal !== undefined) throw refusal;
  }

  /** Undefined when it worked. A repository of ours that is damaged is made anew, once. */
  async #bring(
    remote: Remote,
    args: readonly string[],
    signal: AbortSignal,
    again = true,
  ): Promise<GitFailure | undefined> {
    const directory = join(
      this.#options.directory,
      `${createHash("sha256").update(remote.url).digest("hex").slice(0, 32)}.git`,
    );
    await prepareRepository(directory);
    const failure = await this.#try(
      remote,
      ["fetch", "--no-write-fetch-head", "--no-tags", ...args],
      directory,
      signal,
    );
    if (typeof failure === "string") return undefined;
    if (!again || (failure.kind !== "corrupt" && !/\.lock|shallow/.test(failure.message))) return failure;
    await rm(directory, { recursive: true, force: true });
    return this.#bring(remote, args, signal, false);
  }

  async #ask(remote: Remote, args: readonly string[], signal: AbortSignal): Promise<string> {
    const answer = await this.#try(remote, args, this.#options.mirror.command.directory, signal);
    if (typeof answer === "string") return answer;
    throw sourceErrorOf(answer, undefined);
  }

  /** What git printed, or why it could not. Where the server says that the repository is elsewhere on it, git is sent there. */
  async #try(
    remote: Remote,
    args: readonly string[],
    gitDirectory: string,
    signal: AbortSignal,
  ): Promise<string | GitFailure> {
    const known = this.#moved.get(remote.url);
    const answer = await this.#run(known ?? remote, moveTo(known, remote, args), gitDirectory, signal);
    if (typeof answer === "string") return answer;
    this.#moved.delete(remote.url);
    if (known !== undefined || answer.kind !== "redirected") return answer;
    const { ask, credentials } = this.#options;
    const { login, caPem } = (await credentials.credentialFor(remote.url, signal)) ?? {};
    const moved = login === undefined ? await followRedirect(remote, { ask, caPem }, signal) : undefined;
    if (moved === undefined) return answer;
    const again = await this.#run(moved, moveTo(moved, remote, args), gitDirectory, signal);
    if (typeof again === "string") this.#moved.set(remote.url, moved);
    return again;
  }

  async #run(
    remote: Remote,
    args: readonly string[],
    gitDirectory: string,
    signal: AbortSignal,
  ): Promise<string | GitFailure> {
    const { access, limits, mirror, rule } = this.#options;
    const addresses = await rule.resolve(remote.url, signal);
    try {
      await using reach = await access.open(remote, signal);
      const objects = { GIT_OBJECT_DIRECTORY: join(mirror.command.directory, "objects") };
      const environment = { ...reach.environment, ...confineGit(remote, addresses), ...objects };
      const options = { timeoutMs: limits.timeoutMs, signal, what: `fetching ${remote.url}` };
      try {
        const call = { gitDirectory, environment, maxFileBytes: limits.maxBytes };
        return await withDeadline(options, (deadline) => askGit(args, call, deadline));
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Error && error.name !== "AbortError") return await reach.explain(error.message);
        throw error;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw reachError(error, `cannot fetch ${remote.url}`);
    }
  }
}

function moveTo(moved: Remote | undefined, { url }: Remote, args: readonly string[]): readonly string[] {
  return moved === undefined ? args : args.map((arg) => (arg === url ? moved.url : arg));
}

/** A bare repository without objects of its own. */
async function prepareRepository(directory: string): Promise<void> {
  await mkdir(join(directory, "refs"), { recursive: true, mode: 0o700 });
  await writeFile(join(directory, "HEAD"), "ref: refs/heads/axle-none\n");
  await writeFile(join(directory, "config"), CONFIG, { mode: 0o600 });
  for (const lock of ["shallow.lock", "packed-refs.lock", "HEAD.lock"])
    await rm(join(directory, lock), { force: true });
}

const CONFIG = `[core]
  repositoryFormatVersion = 0
  bare = true
  hooksPath = /dev/null
  fsmonitor = false
  logAllRefUpdates = false
[protocol]
  version = 2
[gc]
  auto = 0
[maintenance]
  auto = false
[fetch]
  recurseSubmodules = false
  writeCommitGraph = false
[http]
  lowSpeedLimit = 1000
  lowSpeedTime = 30
`;

function refuseBadRef(ref: string): void {
  if (/^(?!-)[^\0-\x20\x7f~^:?*[\\]+$/.test(ref) && !/\.\.|@\{|\/\/|\.lock$|^\/|\/$/.test(ref)) return;
  throw new SourceError("not-found", `${JSON.stringify(ref)} cannot be the name of a branch, tag or commit`);
}
