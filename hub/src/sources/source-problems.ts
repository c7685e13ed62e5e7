import type { AppPlacement } from "@axle/core/fleet/app.ts";
import { branchMatcher } from "@axle/core/fleet/branch-pattern.ts";
import type { Contract } from "@axle/core/fleet/contract.ts";
import type { Place, Problem } from "@axle/core/fleet/problem.ts";
import { describeSource, mountOf, requestAt } from "@axle/core/fleet/source-request.ts";
import type { BroughtSource } from "./source-bringer.ts";

/**
 * What is to be said of sources: an error for each app whose folder is in one that failed, which holds the app; refs that stay
 * behind; and what could not be asked for again. Apps that read a failed source indirectly are the renderer's to refuse.
 */
export function troubleProblems(contract: Contract, brought: ReadonlyMap<string, BroughtSource>): readonly Problem[] {
  const problems: Problem[] = [];
  const hasFailed = [...brought.values()].some(({ error }) => error !== undefined);
  for (const { name: app, placements } of hasFailed ? contract.apps : []) {
    for (const { path, place } of placements.flatMap(foldersOf)) {
      const mount = requestAt(`${path}/`)?.mount;
      const source = mount === undefined ? undefined : brought.get(mount);
      if (source?.error === undefined) continue;
      problems.push({ severity: "error", code: "source", message: source.error.message, place, app });
    }
  }
  for (const source of brought.values()) {
    const { request, error, trouble, used } = source;
    if (error !== undefined && isOfLayout(contract, source)) {
      const message = `${error.message}. The layout finds apps there, and nobody knows which: the fleet stays where it is`;
      problems.push({ severity: "error", code: "source", message, ...placeOf(contract, source) });
    }
    if (used?.held !== undefined) problems.push({ ...used.held, ...placeOf(contract, source) });
    if (trouble === undefined) continue;
    const message = `${describeSource(request)} stays as it was: ${trouble.message}`;
    problems.push({ severity: "warning", code: "ignored", message });
  }
  return problems;
}

function foldersOf({ path, declaredAt, overrides }: AppPlacement): readonly { path: string; place: Place }[] {
  const changed = overrides.flatMap((override) =>
    override.path === undefined ? [] : [{ path: override.path, place: override.declaredAt }],
  );
  return [{ path, place: declaredAt }, ...changed];
}

/** A layout finds apps in it, and it is not there to be looked into. */
export function hidesApps(contract: Contract, source: BroughtSource): boolean {
  return source.error !== undefined && isOfLayout(contract, source);
}

function isOfLayout(contract: Contract, source: BroughtSource): boolean {
  return source.request.type === "ref" && placeOf(contract, source).place !== undefined;
}

/** The layout entry that names a ref. */
function placeOf({ fleet }: Contract, { request }: BroughtSource): { readonly place?: Place } {
  const mount = mountOf(request);
  const branchName = request.type === "ref" ? /^refs\/heads\/(.+)$/s.exec(request.ref)?.[1] : undefined;
  const entry = fleet?.layout.find(
    ({ branch, ref }) =>
      (branch !== undefined && branchName !== undefined && branchMatcher(branch)(branchName) !== undefined) ||
      (ref !== undefined && mountOf({ type: "ref", ref }) === mount),
  );
  return entry === undefined ? {} : { place: entry.declaredAt };
}
