import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { CliContext } from "../context.ts";

const FLEET_FILE = "axle.yaml";

/** The folder a command was given, or the root of the checkout the user stands in; where there is none, where they stand. */
export function folderOf(dir: string | undefined, { cwd }: Pick<CliContext, "cwd">): string {
  if (dir !== undefined) return resolve(cwd, dir);
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (existsSync(join(folder, FLEET_FILE))) return folder;
    if (folder === dirname(folder)) return resolve(cwd);
  }
}
