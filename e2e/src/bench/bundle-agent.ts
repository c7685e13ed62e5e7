import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const entry = fileURLToPath(import.meta.resolve("@axle/agent/main.ts"));

/** Packages that are CommonJS inside an ES module ask for these. */
const BANNER = `
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
`;

/** Bundles the agent into one minified file in the folder, with what it loads only sometimes in files beside it. Gives its path. */
export async function bundleAgent(folder: string): Promise<string> {
  await build({
    entryPoints: { agent: entry },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    minify: true,
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    banner: { js: BANNER },
    logLevel: "error",
  });
  return join(folder, "agent.mjs");
}
