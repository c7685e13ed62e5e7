import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, mkdir, open, rename, rm, rmdir, stat, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Slots } from "@axle/runtime/slots.ts";
import type { GitObjects } from "./git-objects.ts";
import { RepositoryError } from "./repository-error.ts";
import { runGit, type GitCommand } from "./run-git.ts";
import { diffTrees, type Tree, type TreeFile } from "./tree.ts";

/** Larger contents are not held in memory: so many are read at once. */
const STREAMED_BYTES = 1024 ** 2;
const PARALLEL_STREAMS = 4;
/** Each batch costs a wait for the reading process: with 16 at once, 100,000 files take three times as long. */
const PARALLEL_WRITES = 128;

export interface CheckoutOptions {
  /** Folder to put `tree` and `aside` into; they are ours alone. */
  readonly directory: string;
  readonly objects: GitObjects;
  readonly git: GitCommand;
}

/**
 * One tree on disk that follows commits: it is brought from one to the next by writing only what differs, so a commit
 * of one file costs one file. Each file appears whole (written aside, then renamed). What a former process or a failed
 * change left is not trusted: the first use, and the first after an error, builds it from nothing.
 */
export class Checkout {
  readonly root: string;
  readonly #options: CheckoutOptions;
  readonly #aside: string;
  /** What stands on disk; undefined when that is not known. */
  #current: Tree | undefined;
  #needsChmod = false;
  #asides = 0;
  readonly #streams = new Slots(PARALLEL_STREAMS);

  constructor(options: CheckoutOptions) {
    this.#options = options;
    this.root = join(options.directory, "tree");
    this.#aside = join(options.directory, "aside");
  }

  /** The tree that stands on disk, to read the next one against. */
  get current(): Tree | undefined {
    return this.#current;
  }

  async bringTo(tree: Tree, signal: AbortSignal): Promise<void> {
    if (this.#current?.oid === tree.oid) return;
    const before = this.#current;
    this.#current = undefined;
    if (before !== undefined) {
      try {
        await this.#change(before, tree, signal);
        this.#current = tree;
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof RepositoryError) throw error;
        // Somebody touched the tree: build it again below.
      }
    }
    await this.#clear();
    await this.#change(undefined, tree, signal);
    this.#current = tree;
  }

  async #clear(): Promise<void> {
    const { directory } = this.#options;
    await rm(this.root, { recursive: true, force: true });
    await rm(this.#aside, { recursive: true, force: true });
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await mkdir(this.#aside, { mode: 0o700 });
    await mkdir(this.root, { mode: 0o755 });
    this.#needsChmod = ((await stat(this.root)).mode & 0o777) !== 0o755;
    if (this.#needsChmod) await chmod(this.root, 0o755);
  }

  async #change(before: Tree | undefined, after: Tree, signal: AbortSignal): Promise<void> {
    const diff = diffTrees(before, after);
    for (const path of diff.removedFiles) await unlink(join(this.root, path));
    for (const path of diff.removedFolders) await rmdir(join(this.root, path));
    for (const path of diff.addedFolders) {
      await mkdir(join(this.root, path), { mode: 0o755 });
      if (this.#needsChmod) await chmod(join(this.root, path), 0o755);
    }
    const pending = diff.writtenFiles.values();
    const work = async (): Promise<void> => {
      for (const entry of pending) {
        signal.throwIfAborted();
        await this.#write(entry, before === undefined, signal);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_WRITES }, work));
  }

  async #write({ path, file }: TreeFile, fresh: boolean, signal: AbortSignal): Promise<void> {
    const target = join(this.root, path);
    const place = fresh ? target : join(this.#aside, String((this.#asides += 1)));
    const mode = file.mode === "executable" ? 0o755 : 0o644;
    if (file.mode !== "link" && file.size > STREAMED_BYTES) {
      await this.#streams.run(() => this.#stream(place, { path, oid: file.oid, mode }, signal), signal);
    } else {
      const object = await this.#options.objects.read(file.oid);
      if (object === undefined) throw new RepositoryError("corrupt", `the mirror lacks the content of "${path}"`);
      if (file.mode === "link") await symlink(object.content.toString("utf8"), place);
      else await writeFile(place, object.content, { mode, flag: "wx" });
    }
    if (this.#needsChmod && file.mode !== "link") await chmod(place, mode);
    if (!fresh) await rename(place, target);
  }

  async #stream(place: string, file: { path: string; oid: string; mode: number }, signal: AbortSignal): Promise<void> {
    await using output = await open(place, "wx", file.mode);
    await runGit(["cat-file", "blob", file.oid], { ...this.#options.git, output }, signal);
    const hash = createHash(file.oid.length === 64 ? "sha256" : "sha1");
    hash.update(`blob ${(await output.stat()).size}\0`);
    for await (const chunk of createReadStream(place, { signal })) hash.update(chunk as Buffer);
    if (hash.digest("hex") !== file.oid) {
      throw new RepositoryError(
        "corrupt",
        `the mirror is damaged: the content of "${file.path}" does not match its id`,
      );
    }
  }
}
