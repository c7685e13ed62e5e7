#!/usr/bin/env node
// Plain JavaScript, so that any Node can start it: the sources beside it are TypeScript and want Node 24.
// On an older one it looks for the `node` package's binary in node_modules/.bin and runs itself again with that.
import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const REQUIRED_MAJOR = 24;
const self = realpathSync(fileURLToPath(import.meta.url));

if (Number(process.versions.node.split(".")[0]) >= REQUIRED_MAJOR) {
  await import("../src/main.ts");
} else {
  const newer = process.env.AXLE_NODE_TRIED === undefined ? findNode(dirname(self)) : undefined;
  if (newer === undefined) {
    process.stderr.write(
      `axle: this is Node ${process.versions.node}, and axle needs Node ${REQUIRED_MAJOR} or newer\n` +
        `  what to do: run \`npm ci\` in the checkout (it brings its own Node), or install Node ${REQUIRED_MAJOR}\n`,
    );
    process.exit(2);
  }
  rerunWith(newer);
}

function findNode(start) {
  const name = process.platform === "win32" ? "node.exe" : "node";
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", ".bin", name);
    if (existsSync(candidate)) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}

function rerunWith(node) {
  const child = spawn(node, [self, ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { ...process.env, AXLE_NODE_TRIED: "1" },
  });
  // The child shares our terminal, so Ctrl-C reaches it anyway; other signals are sent to us alone.
  process.on("SIGINT", () => undefined);
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`axle: cannot start ${node}: ${error.message}\n`);
    process.exit(2);
  });
  child.on("exit", (code, signal) => process.exit(signal === null ? (code ?? 2) : 128));
}
