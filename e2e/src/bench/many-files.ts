import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { summarise, type Benchmark } from "./benchmark.ts";

const runProgram = promisify(execFile);
const program = fileURLToPath(new URL("many-files-alone.ts", import.meta.url));

/** What `many-files-alone.ts` prints. Times in milliseconds. */
export interface ManyFilesTimes {
  readonly fromNothing: number;
  readonly oneChange: readonly number[];
  readonly peakMegabytes: number;
}

export const manyFiles: Benchmark = {
  name: "many-files",
  about: "a commit of 100,000 small files: fetched, read and laid out on disk, and the same after a change of one",
  async run(progress) {
    progress("100,000 files");
    // In a process of its own, so that the peak is its own.
    const { stdout } = await runProgram(process.execPath, [program]);
    const { fromNothing, oneChange, peakMegabytes } = JSON.parse(stdout) as ManyFilesTimes;
    return [
      { label: "from nothing", unit: "ms", value: fromNothing, goal: { most: 30_000 } },
      { ...summarise("one file changed", "ms", oneChange), goal: { most: 500 } },
      { label: "peak RSS", unit: "MB", value: peakMegabytes, goal: { most: 1_024 } },
    ];
  },
};
