import { requestAt } from "@axle/core/fleet/source-request.ts";
import type { FleetRecord } from "../ports.ts";
import type { ReadCommit } from "./commit-reader.ts";

/**
 * Which commit to name for what stands in a folder: of another branch, that branch's, unless this turn is about a commit
 * of the followed branch and that one stayed where it was.
 */
export function commitOfPath(
  read: Pick<ReadCommit, "snapshot" | "refs">,
  fleet: FleetRecord | undefined,
): (path: string) => string | undefined {
  const isMainNew = read.snapshot.commit !== fleet?.accepted;
  return (path) => {
    const request = requestAt(path)?.request;
    const used = request?.type === "ref" ? read.refs.get(request.ref) : undefined;
    if (used === undefined) return undefined;
    const isNew = fleet?.refs?.[used.ref]?.accepted !== used.accepted;
    return isMainNew && !isNew ? undefined : used.accepted;
  };
}
