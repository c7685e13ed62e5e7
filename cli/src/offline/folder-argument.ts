import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { CliContext } from "../context.ts";

const FLEET_FILE = "axle.yaml";

/** The folder a command was given, or the root of the checkout the user stands in; where there is none, where they stand. */
export function folderOf(dir: string | undefined, context: Pick<CliContext, "cwd">): string {
  if (dir !== undefined) return resolve(context.cwd, dir);
  return findCheckout(context) ?? resolve(context.cwd);
}

/** The root of the checkout the user stands in, if they do. */
export function findCheckout({ cwd }: Pick<CliContext, "cwd">): string | undefined {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if (existsSync(join(folder, FLEET_FILE))) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}
