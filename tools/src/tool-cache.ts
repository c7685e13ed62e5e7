import { createHash } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { Platform, Tool } from "./tool-catalogue.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The folder for built and downloaded tools: `$XDG_CACHE_HOME/axle/tools`, else `~/.cache/axle/tools`. */
export function toolCacheDirectory(env: Environment): string {
  const base = env["XDG_CACHE_HOME"] ?? "";
  return join(base === "" ? join(env["HOME"] ?? homedir(), ".cache") : base, "axle", "tools");
}

/**
 * Names exactly one build of a tool: it changes with everything that can change the binary, so a cached one is never out of
 * date and never has to be asked its version.
 * @param goModule contents of `go.mod` and `go.sum`
 */
export function toolKey(tool: Tool, goModule: string, platform: Platform): string {
  const inputs = [tool.name, tool.version, tool.goPackage, tool.ldflags, platform.os, platform.arch, goModule];
  const hash = createHash("sha256").update(JSON.stringify(inputs)).digest("hex");
  return `${tool.name}-${tool.version}-${hash.slice(0, 16)}`;
}

/** Reads what `toolKey` needs of a Go module's folder. */
export async function readGoModule(directory: string): Promise<string> {
  const texts = await Promise.all(["go.mod", "go.sum"].map((name) => readIfThere(join(directory, name))));
  return texts.join("\n");
}

/**
 * Makes a cached file by way of one with a temporary name beside it: what was cut off is never found, and is removed by
 * whoever comes next. Call with the tool's lock held.
 */
export async function installFile(path: string, make: (partialPath: string) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    if (name.startsWith(".partial-")) await rm(join(folder, name), { recursive: true, force: true });
  }
  const partial = join(folder, `.partial-${process.pid}`);
  try {
    await make(partial);
    const file = await open(partial, "r+");
    await file.chmod(0o755);
    await file.sync();
    await file.close();
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
  }
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
