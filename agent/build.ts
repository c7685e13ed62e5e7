/**
 * Bundles the agent into dist/: one minified file and the parts that are loaded only when needed (kubeconfigs, metrics).
 * A bundle because it is what an image holds, and because it takes half the memory of the sources: `npm run build -w agent`,
 * then `node dist/agent.mjs`.
 */
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Plugin } from "esbuild";

const folder = fileURLToPath(new URL("dist", import.meta.url));

/** What libraries import at once and we never call, with the export that would be called. */
const UNUSED: Readonly<Record<string, string>> = {
  // Of pino: log transports in threads of their own.
  "thread-stream": "module.exports = class { constructor() { throw new Error('not in this bundle'); } };",
  // Of grpc-js: its services for debugging, whose protocol files it would parse.
  "@grpc/proto-loader": "exports.loadSync = () => { throw new Error('not in this bundle'); };",
};

const leaveOutUnused: Plugin = {
  name: "leave-out-unused",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(thread-stream|@grpc\/proto-loader)$/ }, ({ path }) => ({ path, namespace: "unused" }));
    onLoad({ filter: /.*/, namespace: "unused" }, ({ path }) => ({ contents: UNUSED[path] ?? "", loader: "js" }));
  },
};

/** Imported as an ES module, `node:http` has Node load its fetch client and WebSocket, 10 MB, for three of its exports. */
const requireHttp: Plugin = {
  name: "require-http",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?http$/ }, ({ namespace }) =>
      namespace === "http" ? { path: "node:http", external: true } : { path: "http", namespace: "http" },
    );
    onLoad({ filter: /.*/, namespace: "http" }, () => ({ contents: 'module.exports = require("node:http");' }));
  },
};

await rm(folder, { recursive: true, force: true });
await build({
  entryPoints: { agent: fileURLToPath(new URL("src/start.ts", import.meta.url)) },
  outdir: folder,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node24",
  minify: true,
  keepNames: true,
  legalComments: "none",
  logLevel: "info",
  plugins: [leaveOutUnused, requireHttp],
  // CommonJS packages inside an ES module ask for these.
  banner: {
    js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);const __filename=import.meta.filename;const __dirname=import.meta.dirname;',
  },
});

// One letter beyond ASCII, and Node keeps the whole file at two bytes a letter.
for (const name of await readdir(folder)) {
  const path = join(folder, name);
  const text = await readFile(path, "utf8");
  const ascii = text.replaceAll(
    /(?<!\\)[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  if (ascii !== text) await writeFile(path, ascii);
}
