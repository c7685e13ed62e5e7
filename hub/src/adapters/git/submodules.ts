import { SOURCES_FOLDER } from "@axle/core/fleet/source-request.ts";
import { parseAddress } from "../../credentials/remote-address.ts";
import { SourceError } from "../../sources/source-error.ts";
import { askGit } from "./ask-git.ts";
import type { CommitFetcher } from "./commit-fetcher.ts";
import type { Remote } from "./git-environment.ts";
import type { Mirror } from "./mirror.ts";
import { readSubmodules, type SubmoduleEntries } from "./read-submodules.ts";
import { RepositoryError } from "./repository-error.ts";
import { resolveSubmoduleUrl } from "./submodule-url.ts";
import type { Tree } from "./tree.ts";

/** A list of submodules is small; a larger file is something else. */
const MAX_LIST_BYTES = 256 * 1024;

/** A submodule that was fetched: the tree of its recorded commit, not yet completed itself. */
export interface FetchedSubmodule {
  readonly path: string;
  readonly remote: Remote;
  readonly tree: string;
}

interface RecordedSubmodule {
  readonly path: string;
  readonly commit: string;
}

export interface SubmodulesOptions {
  readonly mirror: Pick<Mirror, "command" | "objects">;
  readonly fetcher: CommitFetcher;
}

/** Finds and fetches the submodules of one tree, not those within them. */
export class Submodules {
  readonly #options: SubmodulesOptions;
  readonly #listed = new WeakMap<Tree, readonly RecordedSubmodule[]>();

  constructor(options: SubmodulesOptions) {
    this.#options = options;
  }

  /** The mirror may have lost what was fetched. */
  forget(): void {
    this.#options.fetcher.clear();
  }

  /** Paths and recorded commits; a path is below `tree.path`. Folders are shared from commit to commit: only new ones are read. */
  listed(tree: Tree): readonly RecordedSubmodule[] {
    const known = this.#listed.get(tree);
    if (known !== undefined) return known;
    const own = tree.ignored.flatMap(({ path, commit }) => (commit === undefined ? [] : [{ path, commit }]));
    const listed = [...own, ...tree.folders.flatMap((folder) => this.listed(folder))];
    this.#listed.set(tree, listed);
    return listed;
  }

  /** Reads `.gitmodules` of the tree. Throws SourceError `unsafe` for one that cannot be believed at all. */
  async entries(tree: Tree, signal: AbortSignal): Promise<SubmoduleEntries> {
    const path = tree.path === "" ? ".gitmodules" : `${tree.path}/.gitmodules`;
    const file = tree.files.find((entry) => entry.path === path)?.file;
    if (file === undefined) return { entries: new Map(), refused: new Map() };
    if (file.mode === "link") throw new SourceError("unsafe", `${path} is a link; git reads none there either`);
    if (file.size > MAX_LIST_BYTES)
      throw new SourceError("too-large", `${path} has ${file.size} bytes, it may have ${MAX_LIST_BYTES}`);
    const { directory, environment } = this.#options.mirror.command;
    const call = { gitDirectory: directory, environment };
    try {
      return readSubmodules(await askGit(["config", `--blob=${file.oid}`, "-z", "--list"], call, signal));
    } catch (cause) {
      signal.throwIfAborted();
      throw new SourceError("unsafe", `${path} is not written as git reads it; mend it`, { cause });
    }
  }

  /** Throws SourceError, naming the submodule. */
  async fetch(
    submodule: RecordedSubmodule,
    from: {
      readonly tree: Tree;
      readonly remote: Remote;
      readonly entries: SubmoduleEntries;
      /** Servers that did not answer this time, and are not asked again. */
      readonly silent: Map<string, SourceError>;
      /** To wait for it as long as it takes. */
      readonly isPatient: boolean;
    },
    signal: AbortSignal,
  ): Promise<FetchedSubmodule> {
    const { path, commit } = submodule;
    const relative = from.tree.path === "" ? path : path.slice(from.tree.path.length + 1);
    const named = (error: SourceError): SourceError =>
      new SourceError(error.code, `the submodule "${path}": ${error.message}`, { cause: error });
    try {
      if (isOurs(path)) throw new SourceError("unsafe", `${SOURCES_FOLDER} is where the hub puts other sources`);
      const refusal = from.entries.refused.get(relative);
      if (refusal !== undefined) throw new SourceError("unsafe", `its entry in .gitmodules ${refusal}`);
      const entry = from.entries.entries.get(relative);
      if (entry === undefined)
        throw new SourceError("not-found", ".gitmodules has no entry for it; add one, or remove it");
      const remote = resolveSubmoduleUrl(from.remote, entry.url);
      return { path, remote, tree: await this.#tree(remote, commit, from, signal) };
    } catch (error) {
      if (error instanceof SourceError) throw named(error);
      if (error instanceof RepositoryError)
        throw named(new SourceError("unreachable", error.message, { cause: error }));
      throw error;
    }
  }

  async #tree(
    remote: Remote,
    commit: string,
    { silent, isPatient }: { readonly silent: Map<string, SourceError>; readonly isPatient: boolean },
    signal: AbortSignal,
  ): Promise<string> {
    const { fetcher } = this.#options;
    const server = parseAddress(remote.url)?.host ?? remote.url;
    const known = silent.get(server);
    if (known !== undefined) throw known;
    try {
      return await (isPatient
        ? fetcher.fetch(remote, { commit }, signal)
        : fetcher.fetchPatiently(remote, { commit }, signal));
    } catch (error) {
      if (error instanceof SourceError && error.code === "unreachable") silent.set(server, error);
      throw error;
    }
  }
}

function isOurs(path: string): boolean {
  const [own = ""] = SOURCES_FOLDER.split("/");
  return path === own || path === SOURCES_FOLDER || path.startsWith(`${SOURCES_FOLDER}/`);
}
