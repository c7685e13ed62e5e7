import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve, sep } from "node:path";
import { promisify } from "node:util";
import type { Problem } from "@axle/core/fleet/problem.ts";
import { resolvePath } from "@axle/hub/adapters/git/resolve-path.ts";
import type { Snapshot, SnapshotFile } from "@axle/hub/ports.ts";
import { SourceError } from "@axle/hub/sources/source-error.ts";
import { positionIn } from "@axle/core/manifest/parse-yaml.ts";
import { CliError } from "../cli-error.ts";
import { folderIds } from "./folder-ids.ts";

const run = promisify(execFile);
const MAX_LIST_BYTES = 256 * 1024 * 1024;

/**
 * A folder as if it were committed as it stands: tracked and new files, not what Git ignores (every file where it is no
 * Git checkout). It is copied, so that a renderer sees exactly what the hub would see. Disposing removes the copy.
 */
export class WorkingTree implements Snapshot, AsyncDisposable {
  readonly commit: string;
  readonly subject = "the working tree";
  readonly committedAtMs: number;
  readonly root: string;
  readonly files: ReadonlyMap<string, SnapshotFile>;
  readonly folders: ReadonlyMap<string, string>;
  readonly links: ReadonlyMap<string, string>;
  readonly warnings: readonly Problem[] = [];
  readonly submodules: readonly string[];
  readonly missing: ReadonlyMap<string, SourceError>;

  private constructor(root: string, content: TreeContent, committedAtMs: number) {
    this.root = root;
    this.submodules = content.submodules;
    this.missing = new Map(content.submodules.filter((path) => isEmpty(content, path)).map(notCheckedOut));
    this.files = content.files;
    this.links = content.links;
    this.folders = folderIds(content.files);
    this.commit = this.folders.get("") ?? "";
    this.committedAtMs = committedAtMs;
  }

  /** Throws CliError "bad-input" when the folder cannot be read or a link in it leaves it. */
  static async read(
    folder: string,
    options: { env: Readonly<Record<string, string | undefined>>; nowMs: number },
  ): Promise<WorkingTree> {
    const info = await lstat(resolve(folder)).catch(() => undefined);
    if (info === undefined) {
      throw new CliError("usage", `there is no folder ${folder}`, { remedy: "name the root of the checkout" });
    }
    const root = await mkdtemp(join(tmpdir(), "axle-tree-"));
    try {
      const { paths, submodules } = await listFiles(folder, options.env);
      const content: TreeContent = { files: new Map(), links: new Map(), submodules };
      for (const path of paths) await copyEntry({ from: folder, to: root }, path, content);
      refuseEscapes(content.links);
      return new WorkingTree(root, content, options.nowMs);
    } catch (error) {
      await rm(root, { recursive: true, force: true });
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }

  /** Throws CliError "bad-input" for what is not UTF-8. */
  async readTexts(paths: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const texts = new Map<string, string>();
    for (const path of paths) texts.set(path, decode(await this.#read(path, signal), path));
    return texts;
  }

  async #read(path: string, signal: AbortSignal): Promise<Uint8Array> {
    try {
      return await readFile(join(this.root, path), { signal });
    } catch (cause) {
      signal.throwIfAborted();
      const link = this.links.get(path);
      const what = link === undefined ? "cannot be read" : `is a link to ${link}, which is no file`;
      throw new CliError("bad-input", `${path} ${what}`, { remedy: "put the file there, or remove the link", cause });
    }
  }
}

/** As the hub does it: other bytes are refused, not replaced. A byte order mark is dropped. */
function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const text = new TextDecoder().decode(bytes);
    const { line, column } = positionIn(text, text.indexOf("\ufffd"));
    throw new CliError("bad-input", `${path}:${line}:${column}: this is not UTF-8 text`, {
      remedy: "save the file as UTF-8; the hub refuses a commit with such a file",
      cause,
    });
  }
}

async function listFiles(
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly paths: readonly string[]; readonly submodules: readonly string[] }> {
  const list = async (...args: string[]): Promise<readonly string[]> => {
    const options = { cwd: folder, env: { ...env, LC_ALL: "C" }, maxBuffer: MAX_LIST_BYTES };
    const listed = await run("git", ["ls-files", "-z", ...args], options).catch(() => undefined);
    return listed?.stdout.split("\0").filter((path) => path !== "") ?? [];
  };
  const tracked = await list("--cached", "--others", "--exclude-standard");
  // No checkout, no git, or a folder that is ignored as a whole: then every file counts.
  if (tracked.length === 0) return { paths: (await walk(folder)).toSorted(), submodules: [] };
  const staged = await list("--cached", "--stage");
  const submodules = staged.flatMap((line) => /^160000 \S+ \d\t(.+)$/s.exec(line)?.[1] ?? []);
  const inside = submodules.length === 0 ? [] : await list("--cached", "--recurse-submodules");
  return { paths: [...new Set([...tracked, ...inside])].toSorted(), submodules };
}

function isEmpty({ files }: TreeContent, submodule: string): boolean {
  return !files.keys().some((path) => path.startsWith(`${submodule}/`));
}

function notCheckedOut(path: string): readonly [string, SourceError] {
  const message = `the submodule "${path}" is not checked out here; run: git submodule update --init`;
  return [path, new SourceError("not-found", message)];
}

async function walk(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => !path.split("/").includes(".git"));
}

interface TreeContent {
  readonly files: Map<string, SnapshotFile>;
  /** Targets of links as written. */
  readonly links: Map<string, string>;
  readonly submodules: readonly string[];
}

async function copyEntry(folders: { from: string; to: string }, path: string, content: TreeContent): Promise<void> {
  const source = join(folders.from, path);
  const target = join(folders.to, path);
  const info = await lstat(source).catch(() => undefined);
  // Gone from the folder but still in the index, or a submodule itself: not part of what would be committed as files.
  if (info === undefined || info.isDirectory()) return;
  await mkdir(dirname(target), { recursive: true });
  if (info.isSymbolicLink()) {
    const link = await readlink(source);
    await symlink(link, target);
    content.links.set(path, link);
    content.files.set(path, { oid: blobId(Buffer.from(link)), mode: "link", size: Buffer.byteLength(link) });
    return;
  }
  await copyFile(source, target);
  const bytes = await readFile(target);
  const mode = (info.mode & 0o111) === 0 ? "file" : "executable";
  content.files.set(path, { oid: blobId(bytes), mode, size: bytes.length });
}

function refuseEscapes(links: ReadonlyMap<string, string>): void {
  for (const [path, link] of links) {
    if (resolvePath(links, path).type !== "outside") continue;
    throw new CliError("bad-input", `${path} is a link to ${link}, which is outside of the repository`, {
      remedy: "replace the link by the file it means; the hub refuses a commit with such a link",
    });
  }
}

/** As `git hash-object` does it. */
function blobId(content: Uint8Array): string {
  return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
}
