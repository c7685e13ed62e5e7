import type { Contract } from "@axle/core/fleet/contract.ts";
import type { DocumentMemo } from "@axle/core/fleet/document-memo.ts";
import { contractFilesOf, FLEET_FILE, readContractInSteps } from "@axle/core/fleet/parse-contract.ts";
import { runInSteps } from "@axle/runtime/run-in-steps.ts";
import type { Snapshot } from "../ports.ts";
import { isInside } from "./missing-parts.ts";

export interface ContractContext {
  /** Branches of the repository, for layout entries that capture them. */
  readonly branches: readonly string[];
  readonly memo: DocumentMemo;
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
