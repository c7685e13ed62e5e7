import type { AppPlacement } from "@axle/core/fleet/app.ts";
import type { Contract } from "@axle/core/fleet/contract.ts";
import type { LayoutEntry } from "@axle/core/fleet/fleet.ts";
import type { Place, Problem } from "@axle/core/fleet/problem.ts";
import type { Snapshot } from "../ports.ts";
import type { SourceError, SourceErrorCode } from "./source-error.ts";

type Parts = Pick<Snapshot, "missing" | "submodules">;

/**
 * What is to be said of submodules and large files that are missing: an error for each app whose folder stands in one, which
 * holds the app, and one for a submodule a layout looks into. Apps that only read one are the renderer's to refuse.
 */
export function missingProblems(contract: Contract, snapshot: Parts): readonly Problem[] {
  const problems: Problem[] = [];
  for (const [path, error] of snapshot.missing ?? []) {
    for (const { name: app, placements } of contract.apps) {
      for (const folder of placements.flatMap(foldersOf)) {
        if (!isAtOrBelow(folder.path, path)) continue;
        problems.push({ severity: "error", code: "source", message: error.message, place: folder.place, app });
      }
    }
    const entry = layoutInto(contract, snapshot, path);
    if (entry === undefined) continue;
    const message = `${error.message}. The layout finds apps there, and nobody knows which: the fleet stays where it is`;
    problems.push({ severity: "error", code: "source", message, place: entry.declaredAt });
  }
  return problems;
}

/** A layout finds apps in a submodule that is missing: none of them may look deleted. */
export function hidesLayoutFolders(contract: Contract, snapshot: Parts): boolean {
  return [...(snapshot.missing ?? [])].some(([path]) => layoutInto(contract, snapshot, path) !== undefined);
}

/**
 * Whether something that is missing may be there next time though nothing changes: also what is not found, for people push a
 * submodule's commit, or large files, after the commit that names them.
 */
export function mayComeLater({ missing }: Parts): boolean {
  return [...(missing ?? new Map<string, SourceError>()).values()].some(({ code }) => PASSING.has(code));
}

const PASSING: ReadonlySet<SourceErrorCode> = new Set(["unreachable", "unauthorized", "not-found", "digest-changed"]);

/** Whether a path is one of these folders or stands in one. */
export function isInside(folders: readonly string[] | undefined, path: string): boolean {
  return folders?.some((folder) => isAtOrBelow(path, folder)) ?? false;
}

function layoutInto({ fleet }: Contract, { submodules }: Parts, path: string): LayoutEntry | undefined {
  if (submodules?.includes(path) !== true) return undefined;
  return fleet?.layout.find(
    (entry) => entry.branch === undefined && entry.ref === undefined && reaches(entry.path, path),
  );
}

/** Whether a layout's path names a folder, or folders in it, whatever its captures stand for. */
function reaches(pattern: string, folder: string): boolean {
  const segments = pattern.split("/");
  const names = folder.split("/");
  return names.every((name, index) => segments[index] === name || segments[index]?.startsWith("{") === true);
}

function foldersOf({ path, declaredAt, overrides }: AppPlacement): readonly { path: string; place: Place }[] {
  const changed = overrides.flatMap((override) =>
    override.path === undefined ? [] : [{ path: override.path, place: override.declaredAt }],
  );
  return [{ path, place: declaredAt }, ...changed];
}

function isAtOrBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
