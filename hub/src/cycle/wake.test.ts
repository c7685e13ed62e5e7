import { describe, expect, it } from "vitest";
import { Wake } from "./wake.ts";

describe("waking the loop", () => {
  it("keeps the earliest time of each reason and hands all out once", () => {
    const wake = new Wake();
    wake.poke("hook", 10);
    wake.poke("hook", 20);
    wake.poke("poll", 15);
    expect(wake.take()).toEqual([
      { reason: "hook", atMs: 10 },
      { reason: "poll", atMs: 15 },
    ]);
    expect(wake.take()).toEqual([]);
  });

  it("does not wait when a poke came before the wait", async () => {
    const wake = new Wake();
    wake.poke("poll", 1);
    await wake.wait(AbortSignal.timeout(1_000));
  });

  it("wakes a waiting loop", async () => {
    const wake = new Wake();
    const waiting = wake.wait(AbortSignal.timeout(1_000));
    wake.poke("hook", 1);
    await waiting;
  });

  it("stops waiting with the signal's reason", async () => {
    const stop = new AbortController();
    const waiting = new Wake().wait(stop.signal);
    stop.abort(new Error("stopped"));
    await expect(waiting).rejects.toThrow("stopped");
  });
});
