import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../program.ts";

let folder: string;
let bash: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "axle-completion-test-"));
  bash = await script("bash");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function script(shell: string): Promise<string> {
  let text = "";
  const screen = { write: (part: string) => void (text += part), width: undefined, colour: false };
  await runCli(["completion", shell], {
    out: screen,
    err: screen,
    env: {},
    cwd: folder,
    signal: AbortSignal.timeout(60_000),
    nowMs: () => 0,
    ask: undefined,
  });
  return text;
}

/** What bash offers for the last word, in a folder without files. */
function complete(...words: readonly string[]): readonly string[] {
  const typed = words.map((word) => `"${word}"`).join(" ");
  const asked = `COMP_WORDS=(axle ${typed}); COMP_CWORD=${words.length}; _axle; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const printed = execFileSync("bash", ["-c", `${bash}\n${asked}`], { cwd: folder, encoding: "utf8" });
  return printed.split("\n").filter(Boolean);
}

describe("completion in bash", () => {
  it.each<[readonly string[], readonly string[]]>([
    [["targ"], ["targets"]],
    [
      ["targets", "--what"],
      ["--what-if", "--what-if-new"],
    ],
    [
      ["targets", "--output", ""],
      ["table", "wide", "json", "yaml", "name"],
    ],
    [["cluster", "label", "eu-1", "-o", "j"], ["json"]],
    [["targets", "--app", "--"], []],
    [["completion", "f"], ["fish"]],
    [
      ["cluster", "ad"],
      ["add", "admit"],
    ],
  ])("of %j is %j", (words, expected) => {
    expect(complete(...words)).toEqual(expected);
  });
});

it("completion in fish knows short options, what they take, and who takes folders", async () => {
  const fish = await script("fish");
  expect(fish).toContain("-s o -l output -x -a 'table wide json yaml name'");
  expect(fish).toMatch(/seen_subcommand_from targets' -l explain -d/);
  expect(fish).toMatch(/seen_subcommand_from validate' -F$/m);
});
