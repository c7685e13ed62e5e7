import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { simpleGit, type SimpleGit } from "simple-git";
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
    const git = await this.#open(signal);
    let answer: string;
    try {
      answer = await git.listRemote(["--symref", "origin", "HEAD"]);
    } catch (error) {
      throw this.#errorFrom(error, signal);
    }
    const branch = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(answer)?.[1];
    if (branch !== undefined) return branch;
    throw new RepositoryError(
      "branch-missing",
      `${this.#options.remote.url} has no commit on its default branch yet; push one, or name a branch with --branch`,
    );
  }

  /** Brings one branch up to date. Throws RepositoryError. */
  async fetch(branch: string, signal: AbortSignal): Promise<void> {
    const git = await this.#open(signal);
    try {
      // Without --quiet: simple-git waits 50 ms for output after a process that printed nothing.
      await git.raw("fetch", "--no-write-fetch-head", "origin", `+refs/heads/${branch}:refs/heads/${branch}`);
    } catch (error) {
      throw this.#errorFrom(error, signal);
    }
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
    return simpleGit(options).env(this.command.environment);
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

  #errorFrom(error: unknown, signal: AbortSignal): Error {
    if (signal.aborted) return signal.reason as Error;
    const known = repositoryErrorFrom(error, `cannot fetch ${this.#options.remote.url}`);
    if (known instanceof RepositoryError && known.code === "corrupt") this.distrust();
    if (/\.lock': File exists/.test(known.message)) this.distrust();
    return known;
  }
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
  if (remote.authorization !== undefined) {
    lines.push(`[http ${quoted(new URL(remote.url).origin)}]`);
    lines.push(`  extraHeader = ${quoted(`Authorization: ${remote.authorization}`)}`);
  }
  return `${lines.join("\n")}\n`;
}

function quoted(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
