import { expect, it } from "vitest";
import { runCli } from "../program.ts";

it("S5: axle config shows no password, wherever one is set", async () => {
  let out = "";
  const screen = { write: (text: string) => (out += text), width: undefined, colour: false };
  const env = {
    AXLE_REPO: "https://robot:hunter2@git.example.com/fleet.git",
    AXLE_NATS_URL: "nats://robot:hunter2@nats.example.com",
    AXLE_TOKEN: "hunter2",
  };
  const context = { out: screen, err: screen, env, cwd: "/", signal: new AbortController().signal };
  for (const format of ["table", "wide", "json", "yaml"]) {
    expect(await runCli(["config", "-o", format], { ...context, nowMs: () => 0, ask: undefined })).toBe(0);
  }
  expect(out).toContain("AXLE_AUDIT_MAX_AGE");
  expect(out).not.toContain("hunter2");
});
