import { execFile } from "node:child_process";
import type { Tool } from "./tool-catalogue.ts";

/** Reads a binary's version by running it, or gives undefined when it does not say one. */
export async function readVersion(tool: Tool, path: string): Promise<string | undefined> {
  const output = await new Promise<string>((resolve) => {
    execFile(path, [...tool.versionArgs], { timeout: 10_000 }, (_error, stdout, stderr) => {
      resolve(`${stdout}\n${stderr}`);
    });
  });
  return tool.versionPattern.exec(output)?.[1];
}

/** Why a version will not do in place of the tool's own, or undefined when it will. */
export function rejectVersion(tool: Tool, found: string | undefined): string | undefined {
  if (found === undefined) return "does not say its version";
  const [major = 0, minor = 0] = parts(tool.version);
  const [foundMajor = 0, foundMinor = 0] = parts(found);
  if (tool.oldest === undefined) {
    return foundMajor === major && foundMinor === minor ? undefined : `is ${found}, ${major}.${minor} is needed`;
  }
  if (foundMajor !== major) return `is ${found}, ${major}.x is needed`;
  return isOlder(found, tool.oldest) ? `is ${found}, at least ${tool.oldest} is needed` : undefined;
}

function isOlder(version: string, than: string): boolean {
  const left = parts(version);
  const right = parts(than);
  for (let at = 0; at < 3; at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function parts(version: string): number[] {
  return version.split(".").map(Number);
}
