import { randomBytes } from "node:crypto";

/** Ids that sort by time as text and differ between processes: milliseconds, a counter within one, random. */
export function timeOrderedIds(nowMs: () => number = Date.now): () => string {
  let lastMs = 0;
  let count = 0;
  return () => {
    // Never backwards, whatever the clock does.
    const ms = Math.max(nowMs(), lastMs);
    count = ms === lastMs ? count + 1 : 0;
    lastMs = ms;
    const time = ms.toString(36).padStart(9, "0");
    return `${time}-${count.toString(36).padStart(3, "0")}-${randomBytes(3).toString("hex")}`;
  };
}
