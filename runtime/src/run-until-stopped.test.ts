import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { silentLogger } from "./logger.ts";
import { runUntilStopped } from "./run-until-stopped.ts";
import { serviceOf } from "./service.ts";

class FakeProcess extends EventEmitter {
  readonly exits: number[] = [];

  exit(code: number): void {
    this.exits.push(code);
  }
}

function untilStopped(name: string, stopped: string[]) {
  return serviceOf(name, async (signal) => {
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    stopped.push(name);
  });
}

test("SIGTERM stops the groups in order and everything resolves", async () => {
  const process = new FakeProcess();
  const stopped: string[] = [];
  const groups = [[untilStopped("grpc", stopped)], [untilStopped("loop", stopped)], [untilStopped("nats", stopped)]];
  const run = runUntilStopped(groups, { process, log: silentLogger });
  process.emit("SIGTERM");
  await run;
  expect(stopped).toEqual(["grpc", "loop", "nats"]);
  expect(process.listenerCount("SIGTERM")).toBe(0);
});

test("a broken service stops the others and its error comes out", async () => {
  const stopped: string[] = [];
  const broken = serviceOf("broken", () => Promise.reject(new Error("disk full")));
  const run = runUntilStopped([[untilStopped("grpc", stopped)], [broken]], {
    process: new FakeProcess(),
    log: silentLogger,
  });
  await expect(run).rejects.toThrow("disk full");
  expect(stopped).toEqual(["grpc"]);
});

test("a service that ends unasked is an error", async () => {
  const run = runUntilStopped([[serviceOf("poll", async () => undefined)]], {
    process: new FakeProcess(),
    log: silentLogger,
  });
  await expect(run).rejects.toThrow("poll ended unasked");
});

test("a second signal ends the process at once", async () => {
  const process = new FakeProcess();
  const gate = Promise.withResolvers<void>();
  const run = runUntilStopped([[serviceOf("stuck", () => gate.promise)]], { process, log: silentLogger });
  process.emit("SIGINT");
  process.emit("SIGINT");
  expect(process.exits).toEqual([130]);
  gate.resolve();
  await run;
});

test("a group that does not stop in time does not keep the next from stopping", async () => {
  const stopped: string[] = [];
  const process = new FakeProcess();
  const stuck = serviceOf("stuck", () => new Promise<void>(() => undefined));
  const run = runUntilStopped([[stuck], [untilStopped("nats", stopped)]], { process, log: silentLogger, graceMs: 5 });
  process.emit("SIGTERM");
  await run;
  expect(stopped).toEqual(["nats"]);
});
