import { resolve } from "node:path";
import type { CliContext } from "../context.ts";

/** The folder a command was given, or where the user stands. */
export function folderOf(dir: string | undefined, context: Pick<CliContext, "cwd">): string {
  return resolve(context.cwd, dir ?? ".");
}
