import type { Problem } from "@axle/core/fleet/problem.ts";
import { SOURCES_FOLDER } from "@axle/core/fleet/source-request.ts";
import type { Snapshot, SnapshotFile } from "../../ports.ts";
import { MountError } from "../../sources/mount-error.ts";
import { SourceError } from "../../sources/source-error.ts";
import type { GitObjects } from "./git-objects.ts";
import { RepositoryError } from "./repository-error.ts";
import { resolvePath } from "./resolve-path.ts";
import { foldersOf, type Tree } from "./tree.ts";

/** Larger files are nobody's declarations. */
const MAX_TEXT_BYTES = 16 * 1024 ** 2;

export interface SnapshotParts {
  readonly commit: CommitInfo;
  readonly root: string;
  readonly tree: Tree;
  readonly links: ReadonlyMap<string, string>;
  readonly texts: TextCache;
  readonly failedSources: ReadonlyMap<string, string>;
  readonly replaced: AbortSignal;
  readonly missing: ReadonlyMap<string, SourceError>;
  readonly submodules: readonly string[];
}

export interface CommitInfo {
  readonly commit: string;
  readonly tree: string;
  readonly parents: readonly string[];
  readonly subject: string;
  readonly committedAtMs: number;
}

/** A commit whose links were all proven to stay inside, see {@link readLinks}. */
export class GitSnapshot implements Snapshot {
  readonly commit: string;
  readonly subject: string;
  readonly committedAtMs: number;
  readonly root: string;
  readonly files: ReadonlyMap<string, SnapshotFile>;
  readonly folders: ReadonlyMap<string, string>;
  readonly links: ReadonlyMap<string, string>;
  readonly warnings: readonly Problem[];
  readonly failedSources: ReadonlyMap<string, string>;
  readonly replaced: AbortSignal;
  readonly missing: ReadonlyMap<string, SourceError>;
  readonly submodules: readonly string[];
  readonly #texts: TextCache;

  constructor(parts: SnapshotParts) {
    this.commit = parts.commit.commit;
    this.subject = parts.commit.subject;
    this.committedAtMs = parts.commit.committedAtMs;
    this.root = parts.root;
    this.links = parts.links;
    this.failedSources = parts.failedSources;
    this.replaced = parts.replaced;
    this.missing = parts.missing;
    this.submodules = parts.submodules;
    this.#texts = parts.texts;
    const files = new Map<string, SnapshotFile>();
    const folders = new Map<string, string>();
    const warnings: Problem[] = [];
    for (const folder of foldersOf(parts.tree)) {
      folders.set(folder.path, folder.oid);
      for (const { path, file } of folder.files) files.set(path, file);
      for (const { path, why } of folder.ignored) {
        if (!parts.missing.has(path)) warnings.push(ignoredWarning(path, why));
      }
    }
    for (const [path, error] of parts.missing) warnings.push(missingWarning(path, error));
    this.files = files;
    this.folders = folders;
    this.warnings = warnings;
  }

  async readTexts(paths: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    signal.throwIfAborted();
    const texts = await Promise.all(paths.map(async (path) => [path, await this.#readText(path)] as const));
    return new Map(texts);
  }

  async #readText(path: string): Promise<string> {
    const resolved = resolvePath(this.links, path);
    const file = resolved.type === "inside" ? this.files.get(resolved.path) : undefined;
    if (file === undefined) {
      const message = `"${path}" is a link that leads to no file of the commit; mend it, or remove it`;
      throw new RepositoryError("dangling", message, { file: path });
    }
    if (file.size > MAX_TEXT_BYTES) {
      throw new RepositoryError("too-large", `"${path}" has ${file.size} bytes, a text may have ${MAX_TEXT_BYTES}`, {
        file: path,
      });
    }
    return this.#texts.read(file.oid, path);
  }
}

/** The texts read lately, by content: from one commit to the next hardly any change. */
export class TextCache {
  readonly #objects: GitObjects;
  readonly #maxCharacters: number;
  readonly #texts = new Map<string, string>();
  #characters = 0;

  constructor(objects: GitObjects, maxCharacters = 32 * 1024 ** 2) {
    this.#objects = objects;
    this.#maxCharacters = maxCharacters;
  }

  /** Throws RepositoryError `encoding` when the content is not UTF-8; a byte order mark is dropped. */
  async read(oid: string, path: string): Promise<string> {
    const known = this.#texts.get(oid);
    if (known !== undefined) {
      this.#texts.delete(oid);
      this.#texts.set(oid, known);
      return known;
    }
    const object = await this.#objects.read(oid);
    if (object === undefined) throw new RepositoryError("corrupt", `the mirror lacks the content of "${path}"`);
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(object.content);
    } catch (cause) {
      throw new RepositoryError("encoding", `"${path}" is not UTF-8 text; save it as UTF-8`, { file: path, cause });
    }
    this.#keep(oid, text);
    return text;
  }

  #keep(oid: string, text: string): void {
    if (this.#texts.has(oid)) return;
    this.#texts.set(oid, text);
    this.#characters += text.length;
    for (const [oldest, dropped] of this.#texts) {
      if (this.#characters <= this.#maxCharacters) break;
      this.#texts.delete(oldest);
      this.#characters -= dropped.length;
    }
  }
}

/** Reads a commit object. Subjects are shown to people: control characters are dropped and length is bounded. */
export function parseCommit(commit: string, content: Buffer): CommitInfo {
  const text = content.toString("utf8");
  const end = text.indexOf("\n\n");
  const headers = (end < 0 ? text : text.slice(0, end)).split("\n");
  const tree = /^tree ([0-9a-f]+)$/.exec(headers[0] ?? "")?.[1];
  if (tree === undefined) throw new RepositoryError("corrupt", `commit ${commit} names no tree`);
  const parents = headers.flatMap((line) => /^parent ([0-9a-f]+)$/.exec(line)?.[1] ?? []);
  const seconds = headers.map((line) => /^committer .*> (\d{1,12}) [+-]\d+$/.exec(line)?.[1]).find(Boolean);
  const message = end < 0 ? "" : text.slice(end + 2).trimStart();
  const subject = (message.split("\n", 1)[0] ?? "")
    .replaceAll(/\p{Cc}/gu, "")
    .trim()
    .slice(0, 200);
  return { commit, tree, parents, subject, committedAtMs: Number(seconds ?? 0) * 1000 };
}

/**
 * Targets of all links of a commit, by path. Throws RepositoryError `escapes` naming the link and where it leads when
 * one of them, directly or through others, leaves the repository (for a mount: the mount): programs that follow it would
 * read the hub's files.
 */
export async function readLinks(objects: GitObjects, tree: Tree): Promise<ReadonlyMap<string, string>> {
  const known = provenLinks.get(tree);
  if (known !== undefined) return known;
  const reads: Promise<readonly [string, string]>[] = [];
  for (const folder of foldersOf(tree)) {
    for (const { path, file } of folder.files) {
      if (file.mode === "link") reads.push(readTarget(objects, { path, ...file }));
    }
  }
  const links = new Map(await Promise.all(reads));
  const top = tree.path === "" ? 0 : tree.path.length + 1;
  const inside = new Map([...links].map(([path, target]) => [path.slice(top), target]));
  for (const [path, target] of inside) {
    const resolved = resolvePath(inside, path);
    const file = links.size > 0 && top > 0 ? `${tree.path}/${path}` : path;
    if (top === 0 && resolved.type === "inside" && isInSources(resolved.path)) {
      const message = `the link "${path}" -> "${target}" leads into ${SOURCES_FOLDER}, which is the hub's own; name the source where it is used`;
      throw new RepositoryError("escapes", message, { file });
    }
    if (resolved.type !== "outside") continue;
    const chain = resolved.via === undefined || resolved.via === path ? "" : `, through the link "${resolved.via}"`;
    throw new RepositoryError(
      "escapes",
      `the link "${path}" -> "${target}" leaves ${top === 0 ? "the repository" : "the source"}${chain}; point it inside, or replace it with what it links to`,
      { file },
    );
  }
  provenLinks.set(tree, links);
  return links;
}

/** Trees are shared from commit to commit. */
const provenLinks = new WeakMap<Tree, ReadonlyMap<string, string>>();

function isInSources(path: string): boolean {
  return path === SOURCES_FOLDER || path.startsWith(`${SOURCES_FOLDER}/`);
}

/** Throws RepositoryError `escapes` for a commit that holds files where the hub puts those of other sources. */
export function refuseOwnFolder(tree: Tree): void {
  const [own = ""] = SOURCES_FOLDER.split("/");
  const taken =
    tree.files.find(({ path }) => path === own)?.path ??
    tree.folders.find(({ path }) => path === own)?.files.find(({ path }) => path === SOURCES_FOLDER)?.path ??
    tree.folders.find(({ path }) => path === own)?.folders.find(({ path }) => path === SOURCES_FOLDER)?.path;
  if (taken === undefined) return;
  const message = `the commit holds "${taken}": ${SOURCES_FOLDER} is where the hub lets other sources stand; remove it from the repository`;
  throw new RepositoryError("escapes", message, { file: taken });
}

/** The links a composed tree has: a file that replaces a link is none any more. */
export function linksOf(tree: Tree, links: readonly ReadonlyMap<string, string>[]): ReadonlyMap<string, string> {
  const files = new Set<string>();
  for (const folder of foldersOf(tree)) {
    for (const { path, file } of folder.files) if (file.mode === "link") files.add(path);
  }
  return new Map(links.flatMap((each) => [...each].filter(([path]) => files.has(path))));
}

/**
 * Links that are put beside a source's own can lead those, which were proven without them, out of the repository. Throws as
 * {@link readLinks} does for the commit's own, MountError for those of a mount.
 */
export function proveInside(links: ReadonlyMap<string, string>, mounts: readonly Pick<Tree, "path">[]): void {
  for (const [path, target] of links) {
    if (resolvePath(links, path).type !== "outside") continue;
    const holders = mounts.filter((mount) => path.startsWith(`${mount.path}/`));
    const [mount] = holders.toSorted((a, b) => b.path.length - a.path.length);
    const message = `the link "${path}" -> "${target}" leaves the repository by way of a dependency; point it inside`;
    if (mount === undefined) throw new RepositoryError("escapes", message, { file: path });
    throw new MountError(mount.path, new SourceError("unsafe", message));
  }
}

async function readTarget(
  objects: GitObjects,
  link: SnapshotFile & { readonly path: string },
): Promise<readonly [string, string]> {
  const refuse = (why: string): RepositoryError =>
    new RepositoryError("escapes", `the link "${link.path}" ${why}; replace it`, { file: link.path });
  if (link.size > 4096) throw refuse("has a target longer than 4096 bytes");
  const object = await objects.read(link.oid);
  if (object === undefined)
    throw new RepositoryError("corrupt", `the mirror lacks the target of the link "${link.path}"`);
  const target = object.content.toString("utf8");
  if (target === "" || target.includes("\0") || !object.content.equals(Buffer.from(target, "utf8"))) {
    throw refuse("has a target that is no path in UTF-8");
  }
  return [link.path, target];
}

/** Who reads it is held and says so as well; nobody may. */
function missingWarning(path: string, error: SourceError): Problem {
  return { severity: "warning", code: "ignored", message: error.message, place: { file: path, line: 0, column: 0 } };
}

function ignoredWarning(path: string, why: "submodule" | "not-utf8"): Problem {
  const message =
    why === "submodule"
      ? "is a submodule without a commit: its folder is empty here; add it anew, or remove it"
      : "has a name that is not UTF-8 and is left out; rename it";
  return { severity: "warning", code: "ignored", message, place: { file: path, line: 0, column: 0 } };
}
