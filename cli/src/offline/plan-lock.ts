import { parseSourceKey } from "@axle/core/fleet/lock-file.ts";
import type { LockEntry } from "@axle/core/fleet/lock-file.ts";
import { fileNameOf } from "@axle/core/fleet/source-request.ts";
import type { SourceRequest } from "@axle/core/fleet/source-request.ts";
import type { SourceError } from "@axle/hub/sources/source-error.ts";

/** What asking for a source brought. */
export type LockOutcome = { readonly digest: string } | { readonly error: SourceError };

/** What becomes of one source in the lock. */
export interface LockChange {
  /** Source key. */
  readonly source: string;
  /**
   * `missing` and `unused` are named by a file or in the lock alone; `changed`: what is served is not what is locked, and
   * nobody asked for an update; `failed`: it is not locked and cannot be had.
   */
  readonly change: "unchanged" | "missing" | "updated" | "unused" | "changed" | "failed";
  /** What the lock holds afterwards. */
  readonly digest?: string;
  readonly before?: string;
  readonly message?: string;
}

export interface LockPlan {
  /** Sorted by source. */
  readonly changes: readonly LockChange[];
  readonly entries: readonly LockEntry[];
}

/**
 * The lock after `outcomes`, by source key. What could not be asked for stays as it was; while something is not there, what
 * nobody names stays too, for it may be named by that.
 */
export function planLock(
  locked: ReadonlyMap<string, string>,
  outcomes: ReadonlyMap<string, LockOutcome>,
  updates: ReadonlySet<string>,
): LockPlan {
  const isWhole = [...outcomes.values()].every((outcome) => "digest" in outcome);
  const changes = [...new Set([...locked.keys(), ...outcomes.keys()])].toSorted().map((source): LockChange => {
    const before = locked.get(source);
    const outcome = outcomes.get(source);
    if (outcome === undefined) return unnamed(source, before, isWhole);
    if ("error" in outcome) return failed(source, before, { error: outcome.error, isUpdate: updates.has(source) });
    const { digest } = outcome;
    if (before === undefined) return { source, change: "missing", digest };
    return before === digest ? { source, change: "unchanged", digest } : { source, change: "updated", digest, before };
  });
  const entries = changes.flatMap(({ source, digest }) => (digest === undefined ? [] : [{ source, digest }]));
  return { changes, entries };
}

function unnamed(source: string, before: string | undefined, isWhole: boolean): LockChange {
  if (isWhole) return { source, change: "unused", ...(before !== undefined && { before }) };
  const message = "nothing that could be read names it; it stays while something could not be read";
  return { source, change: "unchanged", message, ...(before !== undefined && { digest: before }) };
}

function failed(
  source: string,
  before: string | undefined,
  { error, isUpdate }: { readonly error: SourceError; readonly isUpdate: boolean },
): LockChange {
  const { message } = error;
  if (before === undefined) return { source, change: "failed", message };
  if (error.code === "digest-changed") return { source, change: "changed", digest: before, message };
  return { source, change: isUpdate ? "failed" : "unchanged", digest: before, message };
}

/** Whether a word of `--update` means this source: its key, or what it is called for short. */
export function isNamed(key: string, word: string): boolean {
  const request = parseSourceKey(key);
  return key === word || (request !== undefined && namesOf(request).includes(word));
}

function namesOf(request: SourceRequest): readonly string[] {
  switch (request.type) {
    case "ref":
      return [request.ref];
    case "git": {
      const path = request.url.replace(/\.git$/, "");
      return [request.url, path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf(":")) + 1)];
    }
    case "chart":
      return [request.name, request.repository];
    case "file":
      return [request.url, fileNameOf(request)];
  }
}
