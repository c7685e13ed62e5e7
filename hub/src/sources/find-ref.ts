import { isCommitId } from "@axle/core/fleet/source-requests.ts";

export type FoundRef =
  | { readonly type: "found"; readonly commit: string; readonly isTag: boolean }
  | { readonly type: "missing" }
  /** A branch and a tag have the name. */
  | { readonly type: "ambiguous" };

/** What a ref as somebody wrote it means: a commit's id, a full name, or the name of a branch or a tag. */
export function findRef(written: string, refs: ReadonlyMap<string, string>): FoundRef {
  if (isCommitId(written)) return { type: "found", commit: written, isTag: false };
  const names = written.startsWith("refs/") ? [written] : [`refs/heads/${written}`, `refs/tags/${written}`];
  const [first, second] = names.filter((name) => refs.has(name));
  if (first === undefined) return { type: "missing" };
  if (second !== undefined && refs.get(first) !== refs.get(second)) return { type: "ambiguous" };
  return { type: "found", commit: refs.get(first) as string, isTag: first.startsWith("refs/tags/") };
}
