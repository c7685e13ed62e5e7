import type { FleetCluster } from "../fleet/cluster.ts";
import { formatProblem } from "../fleet/problem.ts";
import type { Problem } from "../fleet/problem.ts";
import { describeFolder } from "../fleet/source-request.ts";
import { canonicalJson } from "../manifest/canonical-json.ts";
import type { Resolution } from "./resolution.ts";
import type { ResolvedApp, Target } from "./variant.ts";

/** What a cluster would gain, lose, or get otherwise. */
export interface TargetChange {
  readonly cluster: string;
  readonly app: string;
  readonly change: "gained" | "lost" | "changed";
  /** The requirement that matches (for "lost": that matched); `held` where the app has an error, which `problems` say. */
  readonly because: string;
  /** Source folder now and then; "" where there is none. */
  readonly before: string;
  readonly after: string;
  /** For "changed": which inputs differ, e.g. `source`, `values`. */
  readonly differs: readonly string[];
}

export interface TargetComparison {
  /** Sorted by cluster and app. */
  readonly changes: readonly TargetChange[];
  /** Problems that would be new. */
  readonly problems: readonly Problem[];
}

/** One side of a comparison. */
export interface TargetSide {
  readonly clusters: readonly FleetCluster[];
  readonly resolution: Resolution;
}

interface Reached {
  readonly target?: Target;
  readonly resolved?: ResolvedApp;
  readonly because: string;
  readonly source: string;
}

/** What differs between two resolutions, by the names of clusters. Pure; the order of what comes in changes nothing. */
export function compareTargets(before: TargetSide, after: TargetSide): TargetComparison {
  const was = reachedBy(before);
  const is = reachedBy(after);
  const changes: TargetChange[] = [];
  for (const key of [...new Set([...was.keys(), ...is.keys()])].sort()) {
    const [cluster, app] = key.split("\n") as [string, string];
    const change = changeOf(was.get(key), is.get(key));
    if (change !== undefined) changes.push({ cluster, app, ...change });
  }
  const known = new Set(before.resolution.problems.map(formatProblem));
  const problems = after.resolution.problems.filter((problem) => !known.has(formatProblem(problem)));
  return { changes, problems };
}

function reachedBy({ clusters, resolution }: TargetSide): ReadonlyMap<string, Reached> {
  const names = new Map(clusters.map(({ id, name }) => [id, name]));
  const reached = new Map<string, Reached>();
  for (const [app, resolved] of resolution.apps) {
    for (const [id, target] of resolved.targets) {
      const path = resolved.variants.get(target.variant)?.path ?? "";
      const source = path === "" ? "" : describeFolder(path);
      reached.set(`${names.get(id) ?? id}\n${app}`, { target, resolved, because: target.because, source });
    }
  }
  for (const [app, { clusters: meant }] of resolution.broken) {
    for (const id of meant) reached.set(`${names.get(id) ?? id}\n${app}`, { because: "held", source: "" });
  }
  return reached;
}

function changeOf(
  was: Reached | undefined,
  is: Reached | undefined,
): Omit<TargetChange, "cluster" | "app"> | undefined {
  if (was === undefined) {
    if (is === undefined) return undefined;
    return { change: "gained", because: is.because, before: "", after: is.source, differs: [] };
  }
  if (is === undefined) return { change: "lost", because: was.because, before: was.source, after: "", differs: [] };
  const differs = differencesOf(was, is);
  if (differs.length === 0) return undefined;
  return { change: "changed", because: is.because, before: was.source, after: is.source, differs };
}

function differencesOf(was: Reached, is: Reached): readonly string[] {
  if (was.target === undefined || is.target === undefined) return was.target === is.target ? [] : ["held"];
  const differs: string[] = [];
  const [old, now] = [was, is].map(({ target, resolved }) => resolved?.variants.get(target?.variant ?? ""));
  if (was.target.variant !== is.target.variant) {
    for (const field of ["path", "namespace", "values", "patches", "capabilities"] as const) {
      const differ = canonicalJson(old?.[field] ?? null) !== canonicalJson(now?.[field] ?? null);
      if (differ) differs.push(field === "path" ? "source" : field);
    }
  }
  if (canonicalJson(was.target.substitutions) !== canonicalJson(is.target.substitutions)) differs.push("substitutions");
  return differs;
}
