import { branchMatcher, branchRequest, isFixedBranch } from "./branch-pattern.ts";
import type { Contract } from "./contract.ts";
import type { Fleet } from "./fleet.ts";
import { mountOf, requestAt } from "./source-request.ts";
import type { SourceRequest } from "./source-request.ts";

/** All that a contract's layout and Apps name outside of the commit, once each, sorted by mount. */
export function sourceRequestsOf(
  { fleet, apps }: Pick<Contract, "fleet" | "apps">,
  branches: readonly string[],
): readonly SourceRequest[] {
  const requests = new Map<string, SourceRequest>();
  const add = (request: SourceRequest): unknown => requests.set(mountOf(request), request);
  for (const { branch, ref } of fleet?.layout ?? []) {
    if (ref !== undefined) add({ type: "ref", ref });
    if (branch === undefined) continue;
    if (isFixedBranch(branch)) add(branchRequest(branch));
    else {
      const matches = branchMatcher(branch);
      for (const name of branches) if (matches(name) !== undefined) add(branchRequest(name));
    }
  }
  let last = "";
  for (const { path, overrides } of apps.flatMap((app) => app.placements)) {
    for (const folder of [path, ...overrides.flatMap((override) => override.path ?? [])]) {
      // Most apps of a branch stand beside each other.
      if (last !== "" && folder.startsWith(`${last}/`)) continue;
      const found = requestAt(folder);
      if (found === undefined) continue;
      last = found.mount;
      if (!requests.has(last)) add(found.request);
    }
  }
  return [...requests].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, request]) => request);
}

/** What has to be fetched of the repository's refs: full names, or the part before a capture. */
export interface WantedRef {
  readonly prefix: string;
  /** Every ref that begins so, instead of the one of that name. */
  readonly all: boolean;
}

/** Branches and tags of the repository that a contract names; of a plain name nobody knows yet which it is. */
export function wantedRefsOf(contract: Pick<Contract, "fleet" | "apps">): readonly WantedRef[] {
  const wanted = new Map<string, WantedRef>();
  const add = (prefix: string, all: boolean): unknown => wanted.set(`${prefix}${all ? "*" : ""}`, { prefix, all });
  for (const branch of layoutBranches(contract.fleet)) {
    if (!isFixedBranch(branch)) add(`refs/heads/${branch.slice(0, branch.indexOf("{"))}`, true);
  }
  for (const request of sourceRequestsOf(contract, [])) {
    if (request.type !== "ref" || isCommitId(request.ref)) continue;
    if (request.ref.startsWith("refs/")) add(request.ref, false);
    else {
      add(`refs/heads/${request.ref}`, false);
      add(`refs/tags/${request.ref}`, false);
    }
  }
  return [...wanted].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, ref]) => ref);
}

/** A full id; shorter ones may come to mean something else. */
export function isCommitId(ref: string): boolean {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(ref);
}

function layoutBranches(fleet: Fleet | undefined): readonly string[] {
  return (fleet?.layout ?? []).flatMap(({ branch }) => branch ?? []);
}
