import { describe, expect, it } from "vitest";
import type { CliContext } from "./context.ts";
import { runCli } from "./program.ts";

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const written = { out: "", err: "" };
  const screen = (name: "out" | "err") => ({
    write: (text: string) => {
      written[name] += text;
    },
    width: undefined,
    colour: false,
  });
  const context: CliContext = {
    out: screen("out"),
    err: screen("err"),
    env: {},
    cwd: "/nowhere",
    signal: new AbortController().signal,
    nowMs: () => 0,
    ask: undefined,
  };
  return { code: await runCli(args, context), ...written };
}

describe("axle", () => {
  it("shows every command, examples and exit codes with --help", async () => {
    const { code, out } = await run("--help");
    expect(code).toBe(0);
    for (const word of ["status", "render", "approve", "hub", "Examples:", "Exit codes:"]) expect(out).toContain(word);
  });

  it("exits 2 without a command, and shows the help", async () => {
    const { code, err } = await run();
    expect(code).toBe(2);
    expect(err).toContain("Usage: axle");
  });

  it("exits 2 for a command it does not have, and names a similar one", async () => {
    const { code, err } = await run("stauts");
    expect(code).toBe(2);
    expect(err).toContain("Did you mean status?");
  });

  it("exits 2 for an option it does not have, and says where help is", async () => {
    const { code, err } = await run("status", "--frobnicate");
    expect(code).toBe(2);
    expect(err).toContain("axle status --help");
  });

  it.each([
    [["token", "create", "--name", "a", "--label", "env"], "write key=value"],
    [["token", "create", "--name", "a", "--ttl", "soon"], "90s, 15m"],
    [["token", "create"], "--name"],
    [["token", "create", "--name", "a", "--uses", "3"], "--name 'a-*'"],
    [["get", "clusters", "-o", "xml"], "Allowed choices"],
    [["render"], "--cluster NAME"],
  ])("%j is a usage error that says what to write", async (args, hint) => {
    const { code, err } = await run(...args);
    expect(code).toBe(2);
    expect(err).toContain(hint);
    expect(err).not.toContain("    at ");
  });

  it("says where it looked for a hub, and what to do", async () => {
    const { code, err } = await run("status");
    expect(code).toBe(2);
    expect(err).toContain("/nowhere/.axle/client.json");
    expect(err).toContain("what to do:");
  });

  it.each([
    "get",
    "status",
    "timeline",
    "targets",
    "token",
    "approve",
    "validate",
    "render",
    "health",
    "hub",
    "agent",
    "config",
  ])("%s --help shows examples", async (name) => {
    const { code, out } = await run(name, "--help");
    expect(code).toBe(0);
    expect(out).toContain("Examples:");
  });

  it("help COMMAND is the command's help", async () => {
    expect((await run("help", "status")).out).toContain("Usage: axle status");
  });

  it.each(["bash", "zsh", "fish"])("completes commands and options in %s", async (shell) => {
    const { code, out } = await run("completion", shell);
    expect(code).toBe(0);
    for (const word of ["timeline", "create", "selector"]) expect(out).toContain(word);
  });
});
