import { expect, test } from "vitest";
import { eventually } from "./eventually.ts";

test("it gives what the check gave once it neither throws nor says false", async () => {
  const answers = [() => false as const, () => Promise.reject(new Error("not yet")), () => 42];
  let at = 0;
  const answer = await eventually(() => answers[at++]?.() ?? false, { intervalMs: 1 });
  expect(answer).toBe(42);
});

test("it reports the last failure and for what it waited", async () => {
  const check = (): void => {
    throw new Error("2 of 3 replicas");
  };
  const waiting = eventually(check, { timeoutMs: 5, intervalMs: 1, what: "the rollout" });
  await expect(waiting).rejects.toMatchObject({
    code: "condition-not-met",
    message: "the rollout did not hold within 5 ms: 2 of 3 replicas",
  });
});

test("it stops when it is called off", async () => {
  await expect(eventually(() => false, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
});
