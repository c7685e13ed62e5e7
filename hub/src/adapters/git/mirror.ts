import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { WantedRef } from "@axle/core/fleet/source-requests.ts";
import { simpleGit, type SimpleGit } from "simple-git";
import { CredentialError } from "../../credentials/credential-error.ts";
import { repositoryErrorOf } from "./explain-failure.ts";
import type { GitAccess, GitReach } from "./git-access.ts";
import { gitEnvironment, OWN_GIT_VARIABLES, type Remote } from "./git-environment.ts";
import { GitObjects } from "./git-objects.ts";
import { RepositoryError, repositoryErrorFrom } from "./repository-error.ts";
import { runGit, type GitCommand } from "./run-git.ts";

/** A transfer that stands still this long is given up. */
const STALL_MS = 60_000;
/** Fetches that brought something between two looks at whether the mirror wants packing. */
const FETCHES_PER_MAINTENANCE = 100;

export interface MirrorOptions {
  readonly remote: Remote;
  /** Lends git what it needs to reach the remote. */
  readonly access: GitAccess;
  /** Folder of the bare repository; made when missing. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * The bare repository the hub fetches into: one branch, no tags, no hooks, none of the machine's configuration. It holds
 * nothing that cannot be fetched again, so damage is healed by starting over.
 */
export class Mirror implements AsyncDisposable {
  readonly objects: GitObjects;
  readonly command: GitCommand;
  readonly #options: MirrorOptions;
  #ready = false;
  #broken = false;
  #fetched = 0;

  constructor(options: MirrorOptions) {
    const environment = gitEnvironment(options.environment, options.remote.scheme);
    this.#options = options;
    this.command = { directory: options.directory, environment };
    this.objects = new GitObjects(options.directory, environment);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.objects[Symbol.asyncDispose]();
  }

  /** The next fetch starts with an empty repository. */
  distrust(): void {
    this.#ready = false;
    this.#broken = true;
  }

  /** The branch the remote's HEAD names. Throws RepositoryError. */
  async findDefaultBranch(signal: AbortSignal): Promise<string> {
    const answer = await this.#ask(["ls-remote", "--symref", "origin", "HEAD"], signal);
    const branch = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(answer)?.[1];
    if (branch !== undefined) return branch;
    throw new RepositoryError(
      "branch-missing",
      `${this.#options.remote.url} has no commit on its default branch yet; push one, or name a branch with --branch`,
    );
  }

  /** Brings one branch up to date, and the refs that are wanted beside it where there are any. Throws RepositoryError. */
  async fetch(branch: string, wanted: readonly WantedRef[], signal: AbortSignal): Promise<void> {
    const specs = [`refs/heads/${branch}`, ...globsOf(wanted)].map((ref) => `+${ref}:${ref}`);
    const prune = wanted.length > 0 ? ["--prune"] : [];
    // Without --quiet: simple-git waits 50 ms for output after a process that printed nothing.
    await this.#ask(["fetch", "--no-write-fetch-head", ...prune, "origin", ...specs], signal);
  }

  /** A commit no ref of ours names; kept under `refs/axle/commits/`. Throws RepositoryError. */
  async fetchCommit(id: string, signal: AbortSignal): Promise<void> {
    await this.#ask(["fetch", "--no-write-fetch-head", "origin", `+${id}:refs/axle/commits/${id}`], signal);
  }

  /** Commits by the full names of the refs that were wanted and are there, sorted. */
  async listRefs(wanted: readonly WantedRef[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    if (wanted.length === 0) return new Map();
    const git = await this.#open(signal);
    const format = "%(refname) %(objectname) %(*objectname)";
    const listed = await git.raw("for-each-ref", `--format=${format}`, "refs/heads", "refs/tags").catch((error) => {
      throw this.#errorFrom(error, signal);
    });
    const refs = listed.split("\n").flatMap((line): readonly (readonly [string, string])[] => {
      const [name = "", id = "", peeled = ""] = line.split(" ");
      const isWanted = wanted.some(({ prefix, all }) => (all ? name.startsWith(prefix) : name === prefix));
      return isWanted ? [[name, peeled === "" ? id : peeled]] : [];
    });
    return new Map(refs);
  }

  /** Makes the repository, where it is not there yet, for who writes into it without fetching. Throws RepositoryError. */
  async prepare(signal: AbortSignal): Promise<void> {
    if (!this.#ready) await this.#open(signal);
  }

  /** Lets a ref of ours (below `refs/axle/`) name an object, which is then kept. */
  async setRef(ref: string, oid: string, signal: AbortSignal): Promise<void> {
    await runGit(["update-ref", ref, oid], this.command, signal);
  }

  /** Packs loose objects when many fetches left some; called when there is nothing else to do. */
  async maintain(changed: boolean, signal: AbortSignal): Promise<void> {
    if (changed) this.#fetched += 1;
    if (changed || this.#fetched < FETCHES_PER_MAINTENANCE) return;
    this.#fetched = 0;
    await runGit(["-c", "gc.auto=1000", "gc", "--auto", "--quiet"], this.command, signal);
  }

  /** Throws RepositoryError `corrupt` when the mirror should have an object but cannot read it: batch reads say "missing" then, too. */
  async proveMissing(name: string): Promise<void> {
    try {
      await runGit(["cat-file", "-t", name], this.command, AbortSignal.timeout(10_000));
    } catch (error) {
      if (error instanceof RepositoryError && error.code === "corrupt") throw error;
    }
  }

  async isAncestor(older: string, newer: string, signal: AbortSignal): Promise<boolean> {
    return (
      (await runGit(["merge-base", "--is-ancestor", older, newer], { ...this.command, answers: [1] }, signal)) === 0
    );
  }

  /** Runs a command that talks to the server. Throws RepositoryError. */
  async #ask(args: readonly string[], signal: AbortSignal): Promise<string> {
    const git = await this.#open(signal);
    await using reach = await this.#reach(signal);
    try {
      return await git.env(reach.environment).raw(...args);
    } catch (error) {
      throw await this.#failureFrom(error, reach, signal);
    }
  }

  async #reach(signal: AbortSignal): Promise<GitReach> {
    const { access, remote } = this.#options;
    try {
      return await access.open(remote, signal);
    } catch (cause) {
      if (!(cause instanceof CredentialError)) throw cause;
      const code = cause.code === "unreachable" ? "unreachable" : "auth";
      throw new RepositoryError(code, `cannot fetch ${remote.url}: ${cause.message}`, { cause });
    }
  }

  async #open(signal: AbortSignal): Promise<SimpleGit> {
    const { directory } = this.#options;
    if (!this.#ready) {
      await this.objects[Symbol.asyncDispose]();
      if (this.#broken || !(await this.#prepare())) {
        await rm(directory, { recursive: true, force: true });
        await this.#prepare();
      }
      this.#broken = false;
      this.#ready = true;
    }
    const options = {
      baseDir: directory,
      abort: signal,
      maxConcurrentProcesses: 1,
      completion: { onClose: true, onExit: false },
      timeout: { block: STALL_MS },
      allowEnvironment: OWN_GIT_VARIABLES,
      // Our own fixed value that forbids prompts and unknown hosts.
      unsafe: { allowUnsafeSshCommand: true, allowUnsafeConfigPaths: true },
    };
    try {
      return simpleGit(options).env(this.command.environment);
    } catch (cause) {
      this.distrust();
      throw new RepositoryError("corrupt", "the folder of the mirror is gone; it is made anew", { cause });
    }
  }

  /** Makes the repository what we need; false when what stands there is none and should go. */
  async #prepare(): Promise<boolean> {
    const { directory, remote } = this.#options;
    await mkdir(join(directory, "objects"), { recursive: true, mode: 0o700 });
    await mkdir(join(directory, "refs", "heads"), { recursive: true, mode: 0o700 });
    await removeLocks(directory);
    await writeFile(join(directory, "HEAD"), "ref: refs/heads/axle-none\n");
    await writeFile(join(directory, "config"), configText(remote), { mode: 0o600 });
    try {
      await runGit(["rev-parse", "--git-dir"], this.command, AbortSignal.timeout(10_000));
      return true;
    } catch {
      return false;
    }
  }

  async #failureFrom(error: unknown, reach: GitReach, signal: AbortSignal): Promise<Error> {
    if (signal.aborted) return signal.reason as Error;
    const known = repositoryErrorOf(await reach.explain(error instanceof Error ? error.message : String(error)), error);
    if (known.code === "corrupt" || /\.lock': File exists/.test(known.message)) this.distrust();
    return known;
  }

  #errorFrom(error: unknown, signal: AbortSignal): Error {
    if (signal.aborted) return signal.reason as Error;
    const known = repositoryErrorFrom(error, "cannot read the mirror");
    if (known instanceof RepositoryError && known.code === "corrupt") this.distrust();
    return known;
  }
}

/** A ref that is not there fails the whole fetch; one that is asked for by how it begins does not. */
function globsOf(wanted: readonly WantedRef[]): readonly string[] {
  return [...new Set(wanted.map(({ prefix }) => `${prefix}*`))];
}

/** A process that was killed leaves its lock files; we are the only user of the mirror. */
async function removeLocks(directory: string): Promise<void> {
  const locks = ["HEAD.lock", "config.lock", "packed-refs.lock", "shallow.lock", "gc.pid"];
  for (const lock of locks) await rm(join(directory, lock), { force: true });
  for (const entry of await readdir(join(directory, "refs"), { recursive: true })) {
    if (entry.endsWith(".lock")) await rm(join(directory, "refs", entry), { force: true });
  }
}

function configText(remote: Remote): string {
  const lines = [
    "[core]",
    "  repositoryFormatVersion = 0",
    "  bare = true",
    "  hooksPath = /dev/null",
    "  fsmonitor = false",
    "  logAllRefUpdates = false",
    "[protocol]",
    "  version = 2",
    "[gc]",
    "  auto = 0",
    "  autoDetach = false",
    "  pruneExpire = never",
    "[maintenance]",
    "  auto = false",
    "[fetch]",
    "  recurseSubmodules = false",
    "  writeCommitGraph = false",
    "  showForcedUpdates = false",
    "[advice]",
    "  fetchShowForcedUpdates = false",
    '[remote "origin"]',
    `  url = ${quoted(remote.url)}`,
    "  tagOpt = --no-tags",
    "[http]",
    "  lowSpeedLimit = 1000",
    "  lowSpeedTime = 30",
  ];
  return `${lines.join("\n")}\n`;
}

function quoted(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
