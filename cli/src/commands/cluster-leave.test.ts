import { describe, expect, it } from "vitest";
import { runCli } from "../program.ts";

async function axle(...args: string[]): Promise<{ code: number; err: string }> {
  let err = "";
  const screen = { write: (text: string) => (err += text), width: undefined, colour: false };
  const code = await runCli(args, {
    out: { ...screen, write: () => undefined },
    err: screen,
    env: {},
    cwd: "/",
    signal: new AbortController().signal,
    nowMs: () => 0,
    ask: undefined,
  });
  return { code, err };
}

describe("axle cluster forget", () => {
  it("asks what becomes of what runs there before it asks the hub", async () => {
    for (const words of [[], ["--keep", "--delete"]]) {
      const { code, err } = await axle("cluster", "forget", "prod-1", ...words);
      expect(code).toBe(2);
      expect(err).toContain("--keep leaves every object as it runs, --delete deletes");
    }
  });

  it("deletes nothing without the agent", async () => {
    const { code, err } = await axle("cluster", "forget", "prod-1", "--delete", "--now");
    expect(code).toBe(2);
    expect(err).toMatch(/--now.*cannot be used with.*--delete/);
  });

  it("does not take an order back and give one at once", async () => {
    expect((await axle("cluster", "forget", "prod-1", "--cancel", "--keep")).code).toBe(2);
  });
});
