import { readFile, rename, writeFile } from "node:fs/promises";
import { askGit } from "./ask-git.ts";
import type { CommitFetcher } from "./commit-fetcher.ts";
import type { Mirror } from "./mirror.ts";
import { runGit } from "./run-git.ts";
import { planUnused, type UnusedMs } from "./unused-refs.ts";

/** Of what came from elsewhere; what is below `now` says what is in use at this moment. */
const KEPT = ["kept", "trees", "lfs", "commits", "whole"].map((name) => `refs/axle/${name}`);
const NOW = "refs/axle/now";
const HOUR_MS = 3_600_000;
/** The hub was away, or its machine slept, when more passed between two looks. */
const MAX_PASSED_MS = 2 * HOUR_MS;
/** What a commit that was overtaken left behind is pruned now and then, though nothing was dropped. */
const PRUNE_EVERY_MS = 7 * 24 * HOUR_MS;

export interface MirrorCollectorOptions {
  readonly mirror: Mirror;
  readonly fetcher: Pick<CommitFetcher, "whileIdle" | "forgetLast">;
  /** File with how long things were unused. */
  readonly file: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Objects that nothing leads to yet are left for so long: they may be on their way in. */
  readonly graceMs: number;
}

export interface InUse {
  readonly objects: ReadonlySet<string>;
  /** Trees and commits to protect though no ref of a branch may lead to them any more. */
  readonly roots: readonly string[];
}

interface Memory {
  readonly lookedAtMs: number;
  readonly prunedAtMs: number;
  readonly isPruneDue: boolean;
  readonly unusedMs: UnusedMs;
}

/** Drops what came into the mirror from elsewhere and was not used for long, and gives the disk back. */
export class MirrorCollector {
  readonly #options: MirrorCollectorOptions;

  constructor(options: MirrorCollectorOptions) {
    this.#options = options;
  }

  /** To be called while nobody else changes the mirror, but for fetches of other repositories. Gives how many refs were dropped. */
  async collect({ objects, roots }: InUse, keepMs: number, signal: AbortSignal): Promise<number> {
    const nowMs = this.#options.now();
    const memory = await this.#read(nowMs);
    const refs = await this.#list(KEPT, signal);
    const passedMs = Math.min(Math.max(0, nowMs - memory.lookedAtMs), MAX_PASSED_MS);
    const { unusedMs, dropped } = planUnused({ refs, used: objects, before: memory.unusedMs, passedMs, keepMs });
    for (const ref of dropped) await this.#drop(ref, refs.get(ref) ?? "", signal);
    const isPruneDue = memory.isPruneDue || dropped.length > 0 || nowMs - memory.prunedAtMs >= PRUNE_EVERY_MS;
    const next = { lookedAtMs: nowMs, prunedAtMs: memory.prunedAtMs, isPruneDue, unusedMs };
    // Before the long work, so that it is not lost when that is cut short.
    await this.#write(next);
    if (isPruneDue && (await this.#prune(roots, signal))) {
      await this.#write({ ...next, prunedAtMs: nowMs, isPruneDue: false });
    }
    return dropped.length;
  }

  /** False where something is being fetched, which may count on what is there. */
  #prune(roots: readonly string[], signal: AbortSignal): Promise<boolean> {
    const { mirror, fetcher, graceMs } = this.#options;
    return fetcher.whileIdle(async () => {
      const before = await this.#list([NOW], signal);
      const kept = new Set(roots.map((oid) => `${NOW}/${oid}`));
      for (const oid of roots) {
        if ((await mirror.objects.info(oid)) !== undefined) await mirror.setRef(`${NOW}/${oid}`, oid, signal);
      }
      for (const [ref, oid] of before) if (!kept.has(ref)) await this.#drop(ref, oid, signal);
      const expiry = graceMs === 0 ? "now" : `${Math.ceil(graceMs / 1_000)}.seconds.ago`;
      await runGit(["gc", "--quiet", `--prune=${expiry}`], mirror.command, signal);
      // What they name may be gone now.
      await fetcher.forgetLast();
    });
  }

  async #list(prefixes: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const { directory, environment } = this.#options.mirror.command;
    const call = { gitDirectory: directory, environment };
    const listed = await askGit(["for-each-ref", "--format=%(refname) %(objectname)", ...prefixes], call, signal);
    const lines = listed.split("\n").filter((line) => line !== "");
    return new Map(lines.map((line) => line.split(" ") as [string, string]));
  }

  /** One that was set to something else meanwhile stays. */
  async #drop(ref: string, object: string, signal: AbortSignal): Promise<void> {
    await runGit(["update-ref", "-d", ref, object], this.#options.mirror.command, signal);
  }

  /** A file that is missing or damaged means that the counting begins. */
  async #read(nowMs: number): Promise<Memory> {
    const none: Memory = { lookedAtMs: nowMs, prunedAtMs: nowMs, isPruneDue: false, unusedMs: {} };
    try {
      const found = JSON.parse(await readFile(this.#options.file, "utf8")) as Partial<Memory>;
      return typeof found.lookedAtMs === "number" && typeof found.unusedMs === "object" ? { ...none, ...found } : none;
    } catch {
      return none;
    }
  }

  async #write(memory: Memory): Promise<void> {
    const { file } = this.#options;
    await writeFile(`${file}.new`, JSON.stringify(memory), { mode: 0o600 });
    await rename(`${file}.new`, file);
  }
}
