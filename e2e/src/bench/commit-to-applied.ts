import { FleetStand } from "../fleet-stand.ts";
import { configMapPath } from "../live-objects.ts";
import type { LiveConfigMap } from "../live-objects.ts";
import { readCommitTimes } from "../journey/commit-times.ts";
import { editFile, SETTINGS_FILE } from "../journey/sample.ts";
import { preciseNowMs } from "../journey/step.ts";
import { ObjectWatch } from "../watch-object.ts";
import { summarise } from "./benchmark.ts";
import type { Benchmark, Figure } from "./benchmark.ts";

const COMMITS = 30;
const WARM_UP = 3;

interface Samples {
  /** From the end of `git push` to the new value on the slowest cluster's API server. */
  readonly allMs: number[];
  /** Every cluster by itself. */
  readonly eachMs: number[];
  readonly steps: Map<string, number[]>;
}

export const commitToApplied: Benchmark = {
  name: "commit-to-applied",
  about: `${COMMITS} commits that change one field, push hook on, until a watch on the API server shows the new value`,
  async run(progress) {
    const one = await measure(["prod"], progress);
    const three = await measure(["dev", "staging", "prod"], progress);
    return [
      summarise("one cluster", "ms", one.allMs),
      summarise("three clusters, the slowest of them", "ms", three.allMs),
      summarise("three clusters, each of them", "ms", three.eachMs),
      ...stepFigures("one cluster", one.steps),
    ];
  },
};

async function measure(clusters: readonly string[], progress: (text: string) => void): Promise<Samples> {
  progress(`starting ${clusters.length === 1 ? "one cluster" : `${clusters.length} clusters`}`);
  await using fleet = await FleetStand.start({ clusters });
  await fleet.applied(await fleet.checkout.head(), { timeoutMs: 60_000 });
  const samples: Samples = { allMs: [], eachMs: [], steps: new Map() };
  for (let index = 0; index < WARM_UP + COMMITS; index++) {
    const before = index === 0 ? "GREETING: welcome" : `GREETING: hello-${index - 1}`;
    await editFile(fleet, SETTINGS_FILE, { from: before, to: `GREETING: hello-${index}` });
    const commit = await fleet.checkout.commit(`feat: greeting ${index}`);
    const eachMs = await timePush(fleet, `hello-${index}`);
    const times = await readCommitTimes(fleet, commit, clusters);
    await fleet.applied(commit);
    if (index < WARM_UP) continue;
    samples.eachMs.push(...eachMs);
    samples.allMs.push(Math.max(...eachMs));
    for (const { who, name, tookMs } of times[0]?.steps ?? []) {
      const step = `${who} ${name}`;
      samples.steps.set(step, [...(samples.steps.get(step) ?? []), tookMs]);
    }
    progress(
      `${clusters.length} cluster(s), commit ${index - WARM_UP + 1} of ${COMMITS}: ${Math.round(Math.max(...eachMs))} ms`,
    );
  }
  return samples;
}

async function timePush(fleet: FleetStand, greeting: string): Promise<number[]> {
  const path = configMapPath("shop", "settings");
  const watches = [...fleet.members.values()].map(({ cluster }) => ObjectWatch.open<LiveConfigMap>(cluster, path));
  try {
    // Open before the push: the first event of a watch is the object as it stands.
    await Promise.all(watches.map((watch) => watch.until(() => true)));
    await fleet.checkout.push();
    const pushedMs = preciseNowMs();
    const seen = await Promise.all(watches.map((watch) => watch.until(({ data }) => data?.["GREETING"] === greeting)));
    return seen.map(({ atMs }) => atMs - pushedMs);
  } finally {
    for (const watch of watches) watch[Symbol.dispose]();
  }
}

function stepFigures(where: string, steps: Samples["steps"]): Figure[] {
  return [...steps].map(([name, samples]) => summarise(`${where}, step: ${name}`, "ms", samples));
}
