import type { Captures } from "./normalise-selector.ts";
import { CAPTURE } from "./selector-schema.ts";
import { mountOf } from "./source-request.ts";
import type { RefSource } from "./source-request.ts";

/**
 * The name of a branch, in which `{x}` stands for any text without a slash: `env/{env}`, `env-{env}`. One capture for each
 * segment at most, so that there is one way to read a branch, found in one go.
 */
export type BranchPattern = string;

/** What is wrong with the pattern, in words; undefined when nothing is. */
export function branchPatternFault(pattern: BranchPattern): string | undefined {
  const filled = pattern.replaceAll(CAPTURE, "x");
  if (/[{}]/.test(filled)) return `"${pattern}" has braces that are no capture; write {name}`;
  if (filled.includes("*")) return "globs are not known here; {name} stands for text without a slash";
  const crowded = pattern.split("/").find((segment) => [...segment.matchAll(CAPTURE)].length > 1);
  if (crowded !== undefined) return `"${crowded}" has two captures; one is possible between two slashes`;
  return refFault(filled);
}

/** The rules of `git check-ref-format`, in words. */
export function refFault(ref: string): string | undefined {
  const isRef =
    /^(?!-)[^\0-\x20\x7f~^:?*[\\]+$/.test(ref) && !/\.\.|@\{|\/\/|^@$|^[./]|\/\.|[./]$|\.lock(\/|$)/.test(ref);
  return isRef ? undefined : `"${ref}" cannot be the name of a branch or tag`;
}

/** A branch, tag or commit as somebody wrote it. Full names are only read of branches and tags: other refs are nobody's. */
export function writtenRefFault(ref: string): string | undefined {
  const fault = refFault(ref);
  if (fault !== undefined || !ref.startsWith("refs/") || /^refs\/(heads|tags)\/./.test(ref)) return fault;
  return `"${ref}" is no branch and no tag; write refs/heads/…, refs/tags/…, or the name alone`;
}

/** Tells what the captures stand for in a branch's name; undefined for branches that do not match. */
export function branchMatcher(pattern: BranchPattern): (branch: string) => Captures | undefined {
  const source = pattern
    .split(/(\{\w+\})/)
    .map((part, index) => (index % 2 === 1 ? `(?<${part.slice(1, -1)}>[^/]+)` : escapePattern(part)))
    .join("");
  const expression = new RegExp(`^${source}$`);
  return (branch) => {
    const match = expression.exec(branch);
    return match === null ? undefined : { ...match.groups };
  };
}

export function isFixedBranch(pattern: BranchPattern): boolean {
  return !pattern.includes("{");
}

export function branchRequest(branch: string): RefSource {
  return { type: "ref", ref: `refs/heads/${branch}` };
}

/** Folder of the snapshot in which a branch's files stand. */
export function branchMount(branch: string): string {
  return mountOf(branchRequest(branch));
}

function escapePattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
