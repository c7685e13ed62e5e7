import { sleep } from "@axle/runtime/sleep.ts";
import type { Repetition } from "./chart-texts.ts";

const SECOND_MS = 1_000;

export interface RepeatOptions<T> {
  readonly render: () => Promise<T>;
  /** Whether a first render already shows that nothing in it can differ in a second. */
  readonly isEnough?: (first: T) => boolean;
}

/** Renders once or twice; what asks for the time is not rendered twice within one second. */
export async function renderRepeatedly<T>(
  repetition: Repetition,
  { render, isEnough }: RepeatOptions<T>,
  signal: AbortSignal,
): Promise<readonly T[]> {
  if (repetition === "twice" && isEnough === undefined) return Promise.all([render(), render()]);
  const first = await render();
  if (repetition === "once" || isEnough?.(first) === true) return [first];
  if (repetition === "later") await sleep(SECOND_MS - (Date.now() % SECOND_MS), signal);
  return [first, await render()];
}
