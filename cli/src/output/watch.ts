import { sleep } from "@axle/runtime/sleep.ts";
import type { CliContext } from "../context.ts";

const INTERVAL_MS = 2_000;
const CLEAR = "\u001b[H\u001b[2J";

/** Shows something again every two seconds until the user stops it: in place on a terminal, one after the other elsewhere. */
export async function showUntilStopped(context: CliContext, show: () => Promise<unknown>): Promise<void> {
  const { out, signal } = context;
  while (!signal.aborted) {
    if (out.width !== undefined) out.write(CLEAR);
    await show();
    await sleep(INTERVAL_MS, signal).catch(() => undefined);
  }
}
