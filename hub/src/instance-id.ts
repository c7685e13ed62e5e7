import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "@axle/runtime/atomic-file.ts";

/** An id of the data folder: a hub that comes back to it takes over its own lease at once. The caller holds the folder's lock. */
export async function readInstanceId(dataDir: string): Promise<string> {
  const path = join(dataDir, "instance-id");
  const present = await readFile(path, "utf8").catch(() => "");
  if (present.trim() !== "") return present.trim();
  const id = randomUUID();
  await writeFileAtomic(path, `${id}\n`);
  return id;
}
