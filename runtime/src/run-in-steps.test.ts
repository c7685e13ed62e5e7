import { describe, expect, it } from "vitest";
import { runInSteps } from "./run-in-steps.ts";

function* countTo(end: number, onStep: (step: number) => void): Generator<undefined, number> {
  for (let step = 1; step <= end; step += 1) {
    onStep(step);
    yield undefined;
  }
  return end;
}

describe("runInSteps", () => {
  it("gives what the work gives", async () => {
    expect(
      await runInSteps(
        countTo(100, () => undefined),
        new AbortController().signal,
      ),
    ).toBe(100);
  });

  it("lets others have the event loop between the steps", async () => {
    let others = 0;
    const timer = setInterval(() => (others += 1), 0);
    const seen: number[] = [];
    await runInSteps(
      countTo(50, () => {
        const untilMs = performance.now() + 2;
        while (performance.now() < untilMs);
        seen.push(others);
      }),
      new AbortController().signal,
      1,
    );
    clearInterval(timer);
    expect(seen.at(-1)).toBeGreaterThan(0);
  });

  it("stops where it is when it is aborted", async () => {
    const abort = new AbortController();
    let reached = 0;
    const work = countTo(1_000, (step) => {
      reached = step;
      if (step === 3) abort.abort(new Error("enough"));
    });
    await expect(runInSteps(work, abort.signal, 0)).rejects.toThrow("enough");
    expect(reached).toBe(3);
  });
});
