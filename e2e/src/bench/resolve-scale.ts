import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Benchmark, Figure } from "./benchmark.ts";

const runProgram = promisify(execFile);
const program = fileURLToPath(new URL("resolve-alone.ts", import.meta.url));

/** What `resolve-alone.ts` prints. Times in milliseconds. */
export interface ResolveTimes {
  readonly cold: number;
  readonly oneChange: number;
  readonly unchanged: number;
  readonly peakMegabytes: number;
  /** Longest that the event loop could do nothing else. */
  readonly longestPause: number;
}

export const resolveScale: Benchmark = {
  name: "resolve-scale",
  about: "reading, resolving and planning alone (renders known), 50 apps, at 1,000 and at 10,000 clusters",
  async run(progress) {
    const small = await resolveAlone(1_000, progress);
    const large = await resolveAlone(10_000, progress);
    const ofSize = (
      label: string,
      { cold, oneChange, unchanged, peakMegabytes, longestPause }: ResolveTimes,
    ): Figure[] => [
      { label: `${label}: from nothing`, unit: "ms", value: cold },
      { label: `${label}: one app changed in one overlay`, unit: "ms", value: oneChange },
      { label: `${label}: nothing changed`, unit: "ms", value: unchanged },
      { label: `${label}: peak RSS`, unit: "MB", value: peakMegabytes },
      { label: `${label}: longest pause of the event loop`, unit: "ms", value: longestPause },
    ];
    const [fromNothing, oneChange, unchanged, peak, pause] = ofSize("10,000 clusters", large) as [
      Figure,
      Figure,
      Figure,
      Figure,
      Figure,
    ];
    return [
      ...ofSize("1,000 clusters", small),
      { ...fromNothing, goal: { most: small.cold * 10 } },
      { ...oneChange, goal: { most: small.oneChange * 10 } },
      { ...unchanged, goal: { most: small.unchanged * 10 } },
      { ...peak, goal: { most: 600 } },
      // A heartbeat comes every 15 s, and a cluster counts as away after 45.
      { ...pause, goal: { most: 250 } },
    ];
  },
};

/** In a process of its own, so that the peak is its own. */
async function resolveAlone(clusters: number, progress: (text: string) => void): Promise<ResolveTimes> {
  progress(`${clusters} clusters`);
  const { stdout } = await runProgram(process.execPath, [program, String(clusters)]);
  return JSON.parse(stdout) as ResolveTimes;
}
