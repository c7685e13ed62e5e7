import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { describe, expect, test, vi } from "vitest";
import { spawnSupervised } from "./spawn-supervised.ts";

const modulePath = `${import.meta.dirname}/spawn-supervised.ts`;

/** The state of a process as `ps` tells it, empty when it is gone. */
async function stateOf(pid: number): Promise<string> {
  const ps = promisify(execFile)("ps", ["-o", "stat=", "-p", String(pid)]);
  return await ps.then(
    ({ stdout }) => stdout.trim(),
    () => "",
  );
}

async function untilGone(pid: number): Promise<void> {
  await vi.waitFor(async () => {
    expect(await stateOf(pid)).toMatch(/^(Z.*)?$/);
  });
}

describe("how a process ends comes back exactly", () => {
  test("a code", async () => {
    await using child = await spawnSupervised("sh", ["-c", "exit 7"]);
    expect(await child.exited).toEqual({ code: 7, signal: null });
  });

  test("a signal", async () => {
    await using child = await spawnSupervised("sleep", ["1000"]);
    child.kill("SIGINT");
    expect(await child.exited).toEqual({ code: null, signal: "SIGINT" });
    expect(await stateOf(child.pid)).toBe("");
  });

  test("everything it wrote before", async () => {
    await using child = await spawnSupervised("sh", ["-c", "seq 1 1500; echo bad >&2; exit 1"]);
    await child.exited;
    expect(child.logs.lines()).toHaveLength(1501);
    expect(child.logs.lines()).toContainEqual({ stream: "stderr", text: "bad" });
  });
});

test("a command that is not there cannot be started", async () => {
  await expect(spawnSupervised("/nonexistent/server", [])).rejects.toMatchObject({
    code: "spawn-failed",
    message: expect.stringContaining("/nonexistent/server: no such command") as string,
  });
});

test("stop asks first and then kills, the children too", async () => {
  await using child = await spawnSupervised("sh", ["-c", "trap '' TERM; sleep 1000 & echo $!; while :; do wait; done"]);
  const [grandchild = ""] = await child.waitForLine(/^\d+$/);
  expect(await child.stop({ timeoutMs: 100 })).toEqual({ code: null, signal: "SIGKILL" });
  await untilGone(Number(grandchild));
});

test("waiting for a server that ends says so at once, with its last words", async () => {
  await using child = await spawnSupervised("sh", ["-c", "echo no such option >&2; exit 2"], { name: "server" });
  await expect(child.waitForReady(() => false, { timeoutMs: 60_000 })).rejects.toMatchObject({
    code: "exited",
    message: "server ended with code 2 before ready\nits last output:\n  no such option",
  });
});

test("waiting for a server that never gets ready ends with the last reason", async () => {
  await using child = await spawnSupervised("sleep", ["1000"]);
  const check = (): boolean => {
    throw new Error("connection refused");
  };
  await expect(child.waitForReady(check, { timeoutMs: 50 })).rejects.toMatchObject({
    code: "not-ready",
    message: "sleep was not ready after 50 ms (connection refused)",
  });
});

test("a process dies with its owner, even when that one is killed with -9", async () => {
  const script = `
    import { spawnSupervised } from ${JSON.stringify(modulePath)};
    const child = await spawnSupervised("sh", ["-c", "trap '' TERM; sleep 1000 & echo $!; wait"]);
    const [grandchild] = await child.waitForLine(/^\\d+$/);
    console.log(JSON.stringify([child.pid, Number(grandchild)]));
  `;
  const owner = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(owner.stdout, "data")) as [Buffer];
  const pids = JSON.parse(line.toString()) as number[];
  for (const pid of pids) expect(await stateOf(pid)).toMatch(/^S/);
  owner.kill("SIGKILL");
  for (const pid of pids) await untilGone(pid);
});

test("an abort signal stops it", async () => {
  const stop = new AbortController();
  await using child = await spawnSupervised("sleep", ["1000"], { signal: stop.signal });
  stop.abort();
  expect(await child.exited).toEqual({ code: null, signal: "SIGTERM" });
});
