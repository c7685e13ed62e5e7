import type { Contract } from "@axle/core/fleet/contract.ts";
import type { DocumentMemo } from "@axle/core/fleet/document-memo.ts";
import { contractFilesOf, readContractInSteps } from "@axle/core/fleet/parse-contract.ts";
import { LOCK_FILE } from "@axle/core/fleet/lock-file.ts";
import type { Problem } from "@axle/core/fleet/problem.ts";
import { FLEET_FILE } from "@axle/core/fleet/repository-path.ts";
import { runInSteps } from "@axle/runtime/run-in-steps.ts";
import type { Snapshot } from "../ports.ts";
import { isInside } from "./missing-parts.ts";

export interface ContractContext {
  /** Branches of the repository, for layout entries that capture them. */
  readonly branches: readonly string[];
  readonly memo: DocumentMemo;
}

/**
 * Our own files that are large files (LFS) and not there: what stands in their place reads as no file of ours, and an app that
 * nobody can read must not look deleted.
 */
export async function unreadContractFiles(snapshot: Snapshot, signal: AbortSignal): Promise<readonly Problem[]> {
  const { missing } = snapshot;
  if (missing === undefined || missing.size === 0) return [];
  const isThere = snapshot.files.has(FLEET_FILE) && !missing.has(FLEET_FILE);
  const fleet = (await snapshot.readTexts(isThere ? [FLEET_FILE] : [], signal)).get(FLEET_FILE);
  return [...contractFilesOf(fleet, snapshot.files.keys()), LOCK_FILE].flatMap((file) => {
    const error = isInside(snapshot.submodules, file) ? undefined : missing.get(file);
    if (error === undefined) return [];
    const message = `${error.message}. It is a file of the fleet's own: the fleet stays where it is`;
    return [{ severity: "error", code: "source", message, place: { file, line: 0, column: 0 } }];
  });
}

/** What a snapshot's own files say. Rejects with what the snapshot throws for a file that is no text. */
export async function readContractOf(
  snapshot: Snapshot,
  { branches, memo }: ContractContext,
  signal: AbortSignal,
): Promise<Contract> {
  const fleetTexts = await snapshot.readTexts(snapshot.files.has(FLEET_FILE) ? [FLEET_FILE] : [], signal);
  const wanted = contractFilesOf(fleetTexts.get(FLEET_FILE), snapshot.files.keys());
  // A submodule is somebody else's repository: it gives manifests, and no apps, clusters or grants.
  const texts = await snapshot.readTexts(
    wanted.filter((path) => snapshot.files.has(path) && !isInside(snapshot.submodules, path)),
    signal,
  );
  const reading = readContractInSteps({ paths: snapshot.files.keys(), texts, branches, links: snapshot.links, memo });
  return runInSteps(reading, signal);
}
