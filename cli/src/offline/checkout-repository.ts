import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { WantedRef } from "@axle/core/fleet/source-requests.ts";
import { GitObjects } from "@axle/hub/adapters/git/git-objects.ts";
import { parseCommit } from "@axle/hub/adapters/git/git-snapshot.ts";
import type { Fetched, Repository, Snapshot } from "@axle/hub/ports.ts";
import type { Composition, RefRepository, RepositoryCommit } from "@axle/hub/source-ports.ts";
import { SourceError } from "@axle/hub/sources/source-error.ts";
import { ComposedTree } from "./composed-tree.ts";
import type { WorkingTree } from "./working-tree.ts";

const run = promisify(execFile);
const MAX_LIST_BYTES = 64 * 1024 * 1024;

export interface CheckoutRepositoryOptions {
  readonly folder: string;
  readonly tree: WorkingTree;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where sources from elsewhere are kept. */
  readonly elsewhere?: GitObjects;
}

/**
 * A checkout as the hub would see the repository it was cloned from, without asking anybody: the working tree stands for the
 * followed branch, other branches and tags are those of its own `.git`. A branch is what `origin` had when it was fetched
 * last, unless the local one goes on from there.
 */
export class CheckoutRepository implements Pick<Repository, "fetch" | "snapshot">, RefRepository, AsyncDisposable {
  readonly #options: CheckoutRepositoryOptions;
  readonly #composed: ComposedTree;
  readonly #objects: GitObjects | undefined;

  private constructor(options: CheckoutRepositoryOptions, objects: GitObjects | undefined) {
    this.#options = options;
    this.#objects = objects;
    const stores = [objects, options.elsewhere].filter((store) => store !== undefined);
    this.#composed = new ComposedTree(options.tree, stores);
  }

  /** A folder that is no checkout has no branches. */
  static async open(options: CheckoutRepositoryOptions): Promise<CheckoutRepository> {
    const { folder, env } = options;
    const found = await git(folder, env, ["rev-parse", "--absolute-git-dir"]).catch(() => undefined);
    const objects = found === undefined ? undefined : new GitObjects(found.trim(), environmentOf(env));
    return new CheckoutRepository(options, objects);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#objects?.[Symbol.asyncDispose]();
  }

  async fetch(_known: string | undefined, signal: AbortSignal, wanted: readonly WantedRef[] = []): Promise<Fetched> {
    signal.throwIfAborted();
    const head = this.#options.tree.commit;
    const refs = wanted.length === 0 || this.#objects === undefined ? new Map() : await this.#readRefs(wanted);
    return { head, rewritten: false, refs };
  }

  async snapshot(_commit: string, signal: AbortSignal, composition?: Composition): Promise<Snapshot> {
    signal.throwIfAborted();
    if (composition === undefined) return this.#options.tree;
    return this.#composed.lay(composition);
  }

  async commitOf(id: string, signal: AbortSignal): Promise<RepositoryCommit> {
    signal.throwIfAborted();
    const object = await this.#objects?.read(id);
    if (object?.type === "commit") return parseCommit(object.oid, object.content);
    throw new SourceError("not-found", `the commit ${id.slice(0, 12)} is not in this checkout; fetch it with git`);
  }

  async descends(newer: string, older: string, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    return newer === older || this.#descends(newer, older);
  }

  async #readRefs(wanted: readonly WantedRef[]): Promise<ReadonlyMap<string, string>> {
    const { folder, env } = this.#options;
    const format = "--format=%(refname) %(objectname) %(*objectname)";
    const listed = await git(folder, env, ["for-each-ref", format, "refs/heads", "refs/tags", "refs/remotes/origin"]);
    const refs = new Map<string, string>();
    const remote = new Map<string, string>();
    for (const line of listed.split("\n")) {
      const [name = "", id = "", peeled = ""] = line.split(" ");
      const branch = /^refs\/remotes\/origin\/(?!HEAD$)(.+)$/.exec(name)?.[1];
      const ref = branch === undefined ? name : `refs/heads/${branch}`;
      if (!wanted.some(({ prefix, all }) => (all ? ref.startsWith(prefix) : ref === prefix))) continue;
      (branch === undefined ? refs : remote).set(ref, peeled === "" ? id : peeled);
    }
    for (const [ref, pushed] of remote) {
      const local = refs.get(ref);
      if (local === undefined || (local !== pushed && !(await this.#descends(local, pushed)))) refs.set(ref, pushed);
    }
    return new Map([...refs].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  async #descends(newer: string, older: string): Promise<boolean> {
    const { folder, env } = this.#options;
    const answer = git(folder, env, ["merge-base", "--is-ancestor", older, newer]);
    return answer.then(
      () => true,
      () => false,
    );
  }
}

async function git(folder: string, env: CheckoutRepositoryOptions["env"], args: readonly string[]): Promise<string> {
  const options = { cwd: folder, env: environmentOf(env), maxBuffer: MAX_LIST_BYTES };
  return (await run("git", [...args], options)).stdout;
}

function environmentOf(env: CheckoutRepositoryOptions["env"]): Record<string, string> {
  const given = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { ...Object.fromEntries(given), LC_ALL: "C" };
}
