import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { promisify } from "node:util";
import { TestFleet } from "@axle/hub/adapters/nats/test-fleet.ts";
import { TestLoop } from "@axle/hub/test-loop.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { GitServer } from "@axle/testkit/git-server.ts";
import { findTool } from "@axle/tools/locate-tool.ts";
import { summarise } from "./benchmark.ts";
import type { Benchmark, Figure } from "./benchmark.ts";
import { clusterAt, ENVIRONMENTS, generateRepository } from "./large-repository.ts";

const runProgram = promisify(execFile);
const CLUSTERS = 1_000;
const APPS = 50;
const COMMITS = 15;
const QUIET_TURNS = 20;

export const resolveFleet: Benchmark = {
  name: "resolve-fleet",
  about: `the hub's loop at ${CLUSTERS} clusters x ${APPS} apps (200 variants): real Git, renderers and NATS`,
  async run(progress) {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await GitServer.start());
    const fleet = stack.use(await TestFleet.start());
    const loop = stack.use(await TestLoop.create({ server, fleet, connection: await fleet.connect() }));
    for (let index = 0; index < CLUSTERS; index += 1) {
      const { name, labels } = clusterAt(index);
      loop.join(name, labels);
    }
    progress("pushing the repository");
    const first = await loop.work.publish(
      Object.fromEntries(generateRepository({ clusters: CLUSTERS, apps: APPS })),
      "all",
    );

    progress("cold: every variant rendered, every slice published");
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    await loop.start();
    await accepted(loop, first);
    const cold = stepsOf(loop, first);
    const renders = loop.rendered.length;
    progress(`the same ${renders} renders by the programs alone`);
    const bareMs = await renderBare(loop.work.directory);
    const figures: Figure[] = [
      { label: "cold: from fetched to published", unit: "ms", value: cold.published - cold.fetched },
      {
        label: "cold: resolve and render",
        unit: "ms",
        value: cold.rendered - cold.fetched,
        goal: { most: bareMs * 1.5 },
      },
      { label: "the renderers' processes alone, as often", unit: "ms", value: bareMs },
    ];

    progress(`${COMMITS} commits that change one app in one overlay`);
    const commits: Steps[] = [];
    for (let index = 0; index < COMMITS; index += 1) {
      const commit = await loop.work.publish(changeOf(index), "next");
      loop.wake.poke("poll", Date.now());
      await accepted(loop, commit);
      commits.push(stepsOf(loop, commit));
    }
    const between = (label: string, from: keyof Steps, to: keyof Steps): Figure =>
      summarise(
        label,
        "ms",
        commits.map((steps) => steps[to] - steps[from]),
      );
    const overlay = `kustomize/${changedApp}/overlays/${ENVIRONMENTS[0]}`;
    const { path: kustomize } = await findTool("kustomize");
    const build = () => runProgram(kustomize, ["build", overlay], { cwd: loop.work.directory });
    const processMs = summarise("", "ms", await timed(COMMITS, build)).value;
    const all = between("one app in one overlay, 250 clusters: from fetched to published", "fetched", "published");
    figures.push(
      { ...all, goal: { most: 250 } },
      between("  read and resolve", "fetched", "resolved"),
      between("  render, its process included", "resolved", "rendered"),
      between("  plan, seal and sign", "rendered", "signed"),
      between("  write", "signed", "published"),
      { label: "kustomize build of that overlay alone", unit: "ms", value: processMs, samples: COMMITS },
      {
        label: "our own: up to signed, without that process",
        unit: "ms",
        value: between("", "fetched", "signed").value - processMs,
        goal: { most: 100 },
      },
    );

    progress(`${QUIET_TURNS} looks at a repository that did not change`);
    const quiet = await timeQuietTurns(loop);
    figures.push(
      { ...summarise("nothing changed: the turn without the fetch", "ms", quiet.turns), goal: { most: 30 } },
      summarise("nothing changed: the fetch, a process and an HTTP request", "ms", quiet.fetches),
    );
    delay.disable();
    figures.push({
      label: "longest the event loop stood still",
      unit: "ms",
      value: delay.max / 1e6,
      goal: { most: 250 },
    });
    return figures;
  },
};

const changedApp = "app-001";

function changeOf(index: number): Readonly<Record<string, string>> {
  const folder = `kustomize/${changedApp}/overlays/${ENVIRONMENTS[0]}`;
  const config = `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${changedApp} }\ndata: { change: "${index}" }\n`;
  return { [`${folder}/config.yaml`]: config };
}

interface Steps {
  readonly fetched: number;
  readonly resolved: number;
  readonly rendered: number;
  readonly signed: number;
  readonly published: number;
}

async function accepted(loop: TestLoop, commit: string): Promise<void> {
  const isThere = () => loop.state.fleet?.accepted === commit && loop.state.fleet.commits[0]?.commit === commit;
  await eventually(isThere, { what: `the fleet at ${commit.slice(0, 7)}`, timeoutMs: 300_000 });
}

/** Milliseconds since 1970. */
function stepsOf(loop: TestLoop, commit: string): Steps {
  const steps = loop.state.fleet?.commits.find((one) => one.commit === commit)?.steps ?? {};
  const at = (name: keyof Steps): number => {
    const time = steps[name];
    if (time === undefined) throw new Error(`commit ${commit.slice(0, 7)} has no time for ${name}`);
    return time;
  };
  return {
    fetched: at("fetched"),
    resolved: at("resolved"),
    rendered: at("rendered"),
    signed: at("signed"),
    published: at("published"),
  };
}

/** The programs by themselves over the same folders, as many at a time as there are processors. */
async function renderBare(repository: string): Promise<number> {
  const home = await mkdtemp(join(tmpdir(), "axle-bench-"));
  try {
    const kustomize = (await findTool("kustomize")).path;
    const helm = (await findTool("helm")).path;
    const jobs: (readonly [string, readonly string[]])[] = [];
    for (const path of generateRepository({ clusters: 0, apps: APPS }).keys()) {
      const overlay = /^(.*\/overlays\/[^/]+)\/kustomization\.yaml$/.exec(path)?.[1];
      const chart = /^helm\/([^/]+)\/chart\/Chart\.yaml$/.exec(path)?.[1];
      if (overlay !== undefined) jobs.push([kustomize, ["build", overlay]]);
      if (chart === undefined) continue;
      for (const env of ENVIRONMENTS) {
        jobs.push([helm, ["template", chart, `helm/${chart}/chart`, "--set", `replicas=${env.length},tier=${env}`]]);
      }
    }
    const pending = jobs.values();
    const work = async (): Promise<void> => {
      for (const [program, args] of pending) {
        await runProgram(program, args, { cwd: repository, env: { HOME: home, PATH: "" } });
      }
    };
    const startedMs = performance.now();
    await Promise.all(Array.from({ length: availableParallelism() }, work));
    return performance.now() - startedMs;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function timed(times: number, work: () => Promise<unknown>): Promise<number[]> {
  const samples: number[] = [];
  for (let index = 0; index < times; index += 1) {
    const startedMs = performance.now();
    await work();
    samples.push(performance.now() - startedMs);
  }
  return samples;
}

/** From the poke to the loop's next wait, in milliseconds: the fetch from the real server, and the rest. */
async function timeQuietTurns(loop: TestLoop): Promise<{ readonly turns: number[]; readonly fetches: number[] }> {
  const { wake } = loop;
  const wait = wake.wait.bind(wake);
  let idle: (() => void) | undefined;
  wake.wait = async (signal) => {
    idle?.();
    await wait(signal);
  };
  await loop.turn();
  const fetches: number[] = [];
  const turns: number[] = [];
  for (let turn = 0; turn < QUIET_TURNS; turn += 1) {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    idle = () => resolve(undefined);
    const startedMs = performance.now();
    wake.poke("poll", Date.now());
    await promise;
    idle = undefined;
    fetches.push(loop.fetchMs);
    turns.push(performance.now() - startedMs - loop.fetchMs);
  }
  return { turns, fetches };
}
