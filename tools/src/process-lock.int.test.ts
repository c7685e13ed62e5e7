import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { acquireProcessLock, type LockHolder } from "./process-lock.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "axle-lock-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** A process that takes the lock and then waits to be killed. */
async function startHolder(): Promise<ReturnType<typeof spawn>> {
  const script = `
    import { acquireProcessLock } from ${JSON.stringify(`${import.meta.dirname}/process-lock.ts`)};
    await acquireProcessLock({ directory: ${JSON.stringify(directory)}, doing: "building x" });
    console.log("held");
    setInterval(() => {}, 1000);
  `;
  const holder = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(holder.stdout, "data");
  return holder;
}

test("of many who want it at once, one at a time has it", async () => {
  let holders = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    await using _lock = await acquireProcessLock({ directory, doing: "counting" });
    holders += 1;
    most = Math.max(most, holders);
    await readdir(directory);
    holders -= 1;
  };
  await Promise.all([work(), work(), work(), work(), work()]);
  expect(most).toBe(1);
  expect(await readdir(directory)).toEqual([]);
});

test("who waits is told for whom, and takes over when the holder is killed", async () => {
  const holder = await startHolder();
  const waitedFor: LockHolder[] = [];
  const lock = acquireProcessLock({ directory, doing: "waiting", onWait: (other) => waitedFor.push(other) });
  await vi.waitFor(() => {
    expect(waitedFor[0]).toEqual({ pid: holder.pid, doing: "building x" });
  });
  holder.kill("SIGKILL");
  await using _lock = await lock;
  expect(await readdir(directory)).toHaveLength(1);
});

test("a claim of another machine counts while it is renewed", async () => {
  const claim = join(directory, "claim-0a1b2c3d-1-77-aabbcc");
  await writeFile(claim, "building elsewhere");
  const signal = AbortSignal.timeout(300);
  await expect(acquireProcessLock({ directory, doing: "x", signal })).rejects.toThrow();
  const longAgo = new Date(Date.now() - 60_000);
  await utimes(claim, longAgo, longAgo);
  await using _lock = await acquireProcessLock({ directory, doing: "x" });
});
