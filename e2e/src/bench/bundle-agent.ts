import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const packageFolder = fileURLToPath(new URL("../../", import.meta.url));

/** The agent by itself, configured by its variables alone: what an image of it runs. */
const ENTRY = `
import { AGENT_CONFIG } from "@axle/agent/config.ts";
import { runAgent } from "@axle/agent/main.ts";
import { parseConfig } from "@axle/runtime/config.ts";
const stop = new AbortController();
for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => stop.abort(new Error(name)));
await runAgent(parseConfig(AGENT_CONFIG, { env: process.env }), stop.signal);
`;

/** Packages that are CommonJS inside an ES module ask for these. */
const BANNER = `
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
`;

/** Bundles the agent into one minified file in the folder, with what it loads only sometimes in files beside it. Gives its path. */
export async function bundleAgent(folder: string): Promise<string> {
  await build({
    stdin: { contents: ENTRY, resolveDir: packageFolder, loader: "ts", sourcefile: "agent.ts" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    minify: true,
    outdir: folder,
    entryNames: "agent",
    outExtension: { ".js": ".mjs" },
    banner: { js: BANNER },
    logLevel: "error",
  });
  return join(folder, "agent.mjs");
}
