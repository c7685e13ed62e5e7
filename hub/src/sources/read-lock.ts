import { LOCK_FILE, parseLockFile } from "@axle/core/fleet/lock-file.ts";
import type { LockReading } from "@axle/core/fleet/lock-file.ts";
import type { Snapshot } from "../ports.ts";

const NO_LOCK: LockReading = { digests: new Map(), places: new Map(), problems: [] };

/** The lock of a commit; one that locks nothing where there is none. Rejects with what the snapshot throws for other bytes. */
export async function readLock(
  snapshot: Pick<Snapshot, "files" | "readTexts">,
  signal: AbortSignal,
): Promise<LockReading> {
  if (!snapshot.files.has(LOCK_FILE)) return NO_LOCK;
  const texts = await snapshot.readTexts([LOCK_FILE], signal);
  return parseLockFile(texts.get(LOCK_FILE) ?? "");
}
