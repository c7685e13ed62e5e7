import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { AgentStand, appFiles } from "./agent-stand.ts";
import { summarise } from "./benchmark.ts";
import type { Benchmark } from "./benchmark.ts";
import { mixedObjects, namespaceOf } from "./sample-objects.ts";

const OBJECTS = 1_000;
const SAMPLES = 20;
const IDLE_SECONDS = 45;
const APP = "thousand";

export const agentMemory: Benchmark = {
  name: "agent-memory",
  about: `resident memory of the bundled agent with ${OBJECTS} objects of ten kinds, each second; its processor time at rest`,
  async run(progress) {
    await using stand = await AgentStand.start({ progress });
    const { agent } = stand;
    const joinedMb = await residentMb(agent.pid, "VmRSS");
    progress(`applying ${OBJECTS} objects`);
    await stand.publish(appFiles(APP, [namespaceOf(APP), ...mixedObjects(OBJECTS)]), "feat: a thousand");
    const applied = await sample(stand, SAMPLES);
    const peakMb = await residentMb(agent.pid, "VmHWM");
    progress("starting the agent again");
    await stand.restartAgent();
    const fresh = await sample(stand, SAMPLES);
    const freshPeakMb = await residentMb(agent.pid, "VmHWM");
    progress(`at rest for ${IDLE_SECONDS} s`);
    const usedMs = await processorMs(agent.pid);
    const sinceMs = performance.now();
    await delay(IDLE_SECONDS * 1_000);
    const millicores = ((await processorMs(agent.pid)) - usedMs) / ((performance.now() - sinceMs) / 1_000);
    return [
      { label: "joined, nothing to do", unit: "MB", value: joinedMb },
      { ...summarise(`${OBJECTS} objects applied`, "MB", applied), goal: { most: 125 } },
      { label: `${OBJECTS} objects applied, peak`, unit: "MB", value: peakMb, goal: { most: 160 } },
      { ...summarise(`${OBJECTS} objects, started again`, "MB", fresh), goal: { most: 95 } },
      { label: `${OBJECTS} objects, started again, peak`, unit: "MB", value: freshPeakMb, goal: { most: 160 } },
      {
        label: `${OBJECTS} objects, at rest for ${IDLE_SECONDS} s`,
        unit: "millicores",
        value: millicores,
        goal: { most: 5 },
      },
    ];
  },
};

/** One look each second: the measurement itself. */
async function sample(stand: AgentStand, count: number): Promise<number[]> {
  const samples: number[] = [];
  while (samples.length < count) {
    await delay(1_000);
    samples.push(await residentMb(stand.agent.pid, "VmRSS"));
  }
  return samples;
}

/** Linux only: what the kernel counts as resident now (`VmRSS`), or counted at most (`VmHWM`). */
async function residentMb(pid: number, line: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await readFile(join("/proc", `${pid}`, "status"), "utf8");
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0) / 1024;
}

/** Linux only: what all threads of a process have used so far, in user and system mode, to a hundredth of a second. */
async function processorMs(pid: number): Promise<number> {
  const stat = await readFile(join("/proc", `${pid}`, "stat"), "utf8");
  // The name in brackets, second, may hold spaces; user and system time are the 14th and 15th fields.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
