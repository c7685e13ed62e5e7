import type { App } from "../fleet/app.ts";
import type { FleetCluster } from "../fleet/cluster.ts";
import type { Contract } from "../fleet/contract.ts";
import { formatPlace, shortMessage } from "../fleet/problem.ts";
import type { Problem } from "../fleet/problem.ts";
import { didYouMean } from "../fleet/suggest.ts";
import { findCycles } from "./find-cycles.ts";
import type { BrokenApp, Resolution } from "./resolution.ts";
import { resolveApp } from "./resolve-app.ts";
import { ResolveMemo } from "./resolve-memo.ts";
import { ClusterTexts } from "./resolve-variant.ts";
import { finish } from "../steps.ts";
import type { Steps } from "../steps.ts";
import type { ResolvedApp, SourceInfo } from "./variant.ts";

export interface ResolveInput {
  readonly contract: Pick<Contract, "apps" | "problems">;
  readonly clusters: readonly FleetCluster[];
  /** What stands in every folder of {@link foldersToInspect}; undefined or absent: nothing that can be rendered. */
  readonly sources: ReadonlyMap<string, SourceInfo | undefined>;
  /** Of the resolve before this one, where there was one. */
  readonly memo?: ResolveMemo;
}

/** Every folder an app may be rendered from, sorted. */
export function foldersToInspect(contract: Pick<Contract, "apps">): readonly string[] {
  const placements = contract.apps.flatMap((app) => app.placements);
  const folders = placements.flatMap(({ path, overrides }) => [
    path,
    ...overrides.flatMap((override) => override.path ?? []),
  ]);
  return [...new Set(folders)].sort();
}

/**
 * Who gets which variant of which app. Pure, and the order of what comes in changes nothing. An app with an error (its own,
 * or one the contract found) is in `broken` instead of `apps`, with the clusters it was meant for.
 */
export function resolve(input: ResolveInput): Resolution {
  return finish(resolveInSteps(input));
}

/** {@link resolve}, app by app: at ten thousand clusters it takes a second. */
export function* resolveInSteps(input: ResolveInput): Steps<Resolution> {
  const clusters = input.clusters.toSorted((a, b) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1,
  );
  const memo = input.memo ?? new ResolveMemo();
  memo.begin(clusters);
  const context = {
    clusters,
    ids: clusters.map(({ id }) => id).sort(),
    names: new Set(clusters.map(({ name }) => name)),
    sources: input.sources,
    texts: new ClusterTexts(),
  };
  const apps = new Map<string, ResolvedApp>();
  const broken = new Map<string, BrokenApp>();
  const problems: Problem[] = [...input.contract.problems];
  const known = new Map(
    problems
      .filter(({ severity }) => severity === "error")
      .map((problem) => [problem.app, problem] as const)
      .toReversed(),
  );
  const byName = input.contract.apps.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const dependencyProblems = checkDependencies(byName);
  for (const app of byName) {
    const { resolved, meant, problems: own } = memo.resolve(app, input.sources, () => resolveApp(app, context));
    // What cannot be fetched is not there either: that is said once.
    const added = own.filter((problem) => !isSameSource(problem, known.get(app.name)));
    const found = [...(dependencyProblems.get(app.name) ?? []), ...added];
    problems.push(...found);
    const first = known.get(app.name) ?? found.find(({ severity }) => severity === "error");
    if (first === undefined) apps.set(app.name, resolved);
    else broken.set(app.name, { app, reason: reasonOf(first), clusters: meant });
    yield undefined;
  }
  memo.keep(new Set(byName.map(({ name }) => name)));
  return { apps, broken, problems };
}

function isSameSource(problem: Problem, known: Problem | undefined): boolean {
  const { code, place } = problem;
  return (
    code === "source" &&
    known?.code === code &&
    place?.file === known.place?.file &&
    place?.line === known.place?.line &&
    place?.column === known.place?.column
  );
}

/** What holds an app, in one line. */
export function reasonOf({ message, place }: Problem): string {
  const short = shortMessage(message);
  return place === undefined ? short : `${formatPlace(place)}: ${short}`;
}

/** An app waits for another only on clusters that run both, but a name nobody has, or a cycle, is an error anywhere. */
function checkDependencies(apps: readonly App[]): ReadonlyMap<string, readonly Problem[]> {
  const names = new Set(apps.map(({ name }) => name));
  const cycles = findCycles(new Map(apps.map(({ name, settings }) => [name, settings.dependsOn])));
  return new Map(
    apps.map((app) => {
      const messages = app.settings.dependsOn
        .filter((name) => !names.has(name))
        .map((name) => `there is no app named "${name}"${didYouMean(name, names)}`);
      const cycle = cycles.get(app.name);
      if (cycle !== undefined) messages.push(`the app waits for itself: ${cycle.join(" -> ")}; remove one of these`);
      return [app.name, messages.map((message) => dependencyProblem(app, message))];
    }),
  );
}

function dependencyProblem(app: App, message: string): Problem {
  return {
    severity: "error",
    code: "dependency",
    message,
    place: app.places?.dependsOn ?? app.declaredAt,
    field: "spec.dependsOn",
    app: app.name,
  };
}
