import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const folder = fileURLToPath(new URL("../../../agent/", import.meta.url));

/** How an image runs the agent. */
export interface AgentBundle {
  readonly script: string;
  readonly nodeArgs: readonly string[];
}

/** Bundles the agent as for an image. */
export async function bundleAgent(): Promise<AgentBundle> {
  await run(process.execPath, [`${folder}build.ts`]);
  return { script: `${folder}dist/agent.mjs`, nodeArgs: [] };
}
