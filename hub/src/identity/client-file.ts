import { join } from "node:path";
import { writeJsonFile } from "@axle/runtime/json-file.ts";

/** What the CLI needs to call the hub: `<data>/client.json`, readable by its owner only. */
export interface ClientFile {
  /** `host:port` of gRPC. */
  readonly address: string;
  readonly caPem: string;
  /** Admin token. Secret. */
  readonly token: string;
}

/** Returns the path. */
export async function writeClientFile(dataDir: string, content: ClientFile): Promise<string> {
  const path = join(dataDir, "client.json");
  await writeJsonFile(path, content);
  return path;
}
