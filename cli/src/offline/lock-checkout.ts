import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatLockFile, LOCK_FILE, parseLockFile } from "@axle/core/fleet/lock-file.ts";
import { formatProblem, refusesCommit } from "@axle/core/fleet/problem.ts";
import { sourceKey } from "@axle/core/fleet/source-request.ts";
import { SourceFinder } from "@axle/hub/adapters/render/find-references.ts";
import type { SourceFetcher } from "@axle/hub/source-ports.ts";
import { SourceDesk } from "@axle/hub/sources/source-desk.ts";
import { SourceError } from "@axle/hub/sources/source-error.ts";
import type { SourceFetchers } from "@axle/hub/sources/source-shelf.ts";
import { CliError } from "../cli-error.ts";
import type { CliContext } from "../context.ts";
import { CheckoutRepository } from "./checkout-repository.ts";
import { isNamed, planLock } from "./plan-lock.ts";
import type { LockOutcome, LockPlan } from "./plan-lock.ts";
import { SourceCache } from "./source-cache.ts";
import { WorkingTree } from "./working-tree.ts";

export interface LockOptions {
  /** Names or keys of what is locked and shall be locked anew; all of it when empty, nothing when left out. */
  readonly update?: readonly string[] | undefined;
  readonly credentials?: string | undefined;
  readonly onWait?: (text: string) => void;
}

export interface LockReport extends LockPlan {
  /** Whether the file has to be written for the lock to be `entries`. */
  readonly differs: boolean;
}

const SOURCE_PATIENCE_MS = 10 * 60_000;

/**
 * What the lock of a checkout should be: everything its files name elsewhere, and what that names in turn, found as the hub
 * finds it. What is locked and in the user's cache is asked of nobody. Throws CliError for files or a lock that cannot be read.
 */
export async function lockCheckout(
  folder: string,
  context: Pick<CliContext, "env" | "signal" | "nowMs">,
  options: LockOptions,
): Promise<LockReport> {
  const { env, signal, nowMs } = context;
  const text = await readLockText(folder);
  const locked = readLocked(text);
  const updates = updatesOf(locked, options.update);
  await using stack = new AsyncDisposableStack();
  const tree = stack.use(await WorkingTree.read(folder, { env, nowMs: nowMs() }));
  const cache = stack.use(new SourceCache({ env, signal, ...options }));
  const repository = stack.use(await CheckoutRepository.open({ folder, tree, env, elsewhere: cache.objects }));
  const outcomes = new Map<string, LockOutcome>();
  const digests = new Map([...locked].filter(([key]) => !updates.has(key)));
  const desk = new SourceDesk({
    repository,
    fetchers: recorded(cache.fetchers, outcomes),
    finder: new SourceFinder(),
    readLock: async () => ({ digests, problems: [] }),
    patienceMs: SOURCE_PATIENCE_MS,
  });
  const { head } = await desk.fetch(undefined, signal);
  const { contract } = await desk.read(head, {}, signal);
  if (contract.fleet === undefined || refusesCommit(contract.problems)) {
    const first = contract.problems.find(({ severity }) => severity === "error");
    const message = first === undefined ? "there is no axle.yaml" : formatProblem(first);
    throw new CliError("bad-input", message, { remedy: "mend it first; `axle validate` shows every problem" });
  }
  const plan = planLock(locked, outcomes, updates);
  const isNeeded = text !== undefined || plan.entries.length > 0;
  return { ...plan, differs: isNeeded && formatLockFile(plan.entries) !== text };
}

/** Whole or not at all: a lock that was cut off would refuse the next commit. */
export async function writeLock(folder: string, { entries }: LockPlan): Promise<void> {
  const path = join(folder, LOCK_FILE);
  const aside = `${path}.${process.pid}`;
  await writeFile(aside, formatLockFile(entries));
  await rename(aside, path);
}

async function readLockText(folder: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, LOCK_FILE), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function readLocked(text: string | undefined): ReadonlyMap<string, string> {
  if (text === undefined) return new Map();
  const { digests, problems } = parseLockFile(text);
  const [first] = problems;
  if (first === undefined) return digests;
  throw new CliError("bad-input", formatProblem(first), {
    remedy: `mend it, take one side of a merge (git checkout --theirs ${LOCK_FILE}), or delete it to lock everything anew`,
  });
}

function updatesOf(locked: ReadonlyMap<string, string>, words: readonly string[] | undefined): ReadonlySet<string> {
  if (words === undefined) return new Set();
  if (words.length === 0) return new Set(locked.keys());
  const keys = words.map((word) => {
    const found = [...locked.keys()].filter((key) => isNamed(key, word));
    if (found.length > 0) return found;
    const there = [...locked.keys()].join("\n  ");
    throw new CliError("not-found", `nothing that is locked is called ${word}`, {
      remedy: there === "" ? "nothing is locked yet; run axle lock" : `locked are\n  ${there}`,
    });
  });
  return new Set(keys.flat());
}

/** The same fetchers, with what they brought written down. */
function recorded(fetchers: SourceFetchers, outcomes: Map<string, LockOutcome>): SourceFetchers {
  const record = (fetcher: SourceFetcher): SourceFetcher => ({
    async fetch(request, pinned, signal) {
      try {
        const fetched = await fetcher.fetch(request, pinned, signal);
        outcomes.set(sourceKey(request), { digest: fetched.digest });
        return fetched;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        const known = error instanceof SourceError ? error : new SourceError("unreachable", message, { cause: error });
        outcomes.set(sourceKey(request), { error: known });
        throw known;
      }
    },
  });
  return Object.fromEntries(Object.entries(fetchers).map(([type, fetcher]) => [type, record(fetcher)]));
}
