import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentStand, appFiles, asYaml } from "./agent-stand.ts";
import { summarise } from "./benchmark.ts";
import type { Benchmark, Figure } from "./benchmark.ts";
import { configMaps, mixedObjects, namespaceOf } from "./sample-objects.ts";
import type { SampleObject } from "./sample-objects.ts";

const OBJECTS = 1_000;
const ROUNDS = 4;
const WARM_UP_OBJECTS = 50;

interface Times {
  readonly kubectl: number[];
  readonly agent: number[];
  readonly dryRun: number[];
  readonly write: number[];
}

export const agentApply: Benchmark = {
  name: "agent-apply",
  about: `${OBJECTS} new objects: kubectl apply --server-side, and an agent that has just started, in turns`,
  async run(progress) {
    await using stand = await AgentStand.start({ progress });
    const kinds = { ConfigMaps: configMaps, "of ten kinds": mixedObjects };
    const figures: Figure[] = [];
    for (const make of Object.values(kinds)) {
      const warmUp = new Turn(stand, `warm-up-${make.name.toLowerCase()}`, make(WARM_UP_OBJECTS));
      await warmUp.kubectl();
      await warmUp.agent();
    }
    for (const [what, make] of Object.entries(kinds)) {
      const times: Times = { kubectl: [], agent: [], dryRun: [], write: [] };
      for (let round = 0; round < ROUNDS; round++) {
        const turn = new Turn(stand, `${make.name.toLowerCase()}-${round}`, make(OBJECTS));
        // Whoever comes second finds a server with more to hold; so each comes first as often.
        if (round % 2 === 0) times.kubectl.push(await turn.kubectl());
        const { rungAtMs, dryRunAtMs, appliedAtMs } = await turn.agent();
        if (round % 2 === 1) times.kubectl.push(await turn.kubectl());
        times.agent.push(appliedAtMs - rungAtMs);
        times.dryRun.push(dryRunAtMs - rungAtMs);
        times.write.push(appliedAtMs - dryRunAtMs);
        progress(
          `${OBJECTS} ${what}, round ${round + 1} of ${ROUNDS}: kubectl ${round1(times.kubectl.at(-1))} ms, agent ${round1(times.agent.at(-1))} ms, of it ${round1(times.write.at(-1))} ms writing`,
        );
      }
      figures.push(...figuresOf(`${OBJECTS} ${what}`, times));
    }
    return figures;
  },
};

function figuresOf(what: string, times: Times): Figure[] {
  const kubectl = summarise(`${what}: kubectl apply --server-side`, "ms", times.kubectl);
  return [
    kubectl,
    { ...summarise(`${what}: agent, from the ring`, "ms", times.agent), goal: { most: kubectl.value } },
    summarise(`${what}: agent, up to the end of the dry-run`, "ms", times.dryRun),
    { ...summarise(`${what}: agent, without the dry-run`, "ms", times.write), goal: { most: kubectl.value / 2 } },
  ];
}

function round1(ms: number | undefined): string {
  return (ms ?? 0).toFixed(0);
}

/** The same objects, once by each. */
class Turn {
  readonly #stand: AgentStand;
  readonly #name: string;
  readonly #objects: readonly SampleObject[];

  constructor(stand: AgentStand, name: string, objects: readonly SampleObject[]) {
    this.#stand = stand;
    this.#name = name;
    this.#objects = objects;
  }

  /** Resolves to the milliseconds the process took. */
  async kubectl(): Promise<number> {
    const { cluster, fleet } = this.#stand;
    const namespace = `kubectl-${this.#name}`;
    const file = join(fleet.folder, `${namespace}.yaml`);
    await writeFile(file, asYaml(this.#objects));
    await this.#createNamespace(namespace);
    const startedMs = performance.now();
    await cluster.kubectl("apply", "--server-side", "--namespace", namespace, "-f", file);
    const tookMs = performance.now() - startedMs;
    await this.#verify(namespace);
    return tookMs;
  }

  async agent(): Promise<Awaited<ReturnType<AgentStand["publish"]>>> {
    const namespace = `agent-${this.#name}`;
    await this.#createNamespace(namespace);
    await this.#stand.restartAgent();
    const steps = await this.#stand.publish(appFiles(namespace, this.#objects), `feat: ${namespace}`);
    await this.#verify(namespace);
    return steps;
  }

  /** Beforehand, for both: what stands in a namespace that the same app brings can be dry-run only when that is there. */
  async #createNamespace(name: string): Promise<void> {
    await this.#stand.cluster.request("POST", "/api/v1/namespaces", namespaceOf(name));
  }

  async #verify(namespace: string): Promise<void> {
    const { items } = await this.#stand.cluster.request<{ items: unknown[] }>(
      "GET",
      `/api/v1/namespaces/${namespace}/configmaps`,
    );
    const wanted = this.#objects.filter(({ kind }) => kind === "ConfigMap").length;
    if (items.length < wanted) throw new Error(`only ${items.length} of ${wanted} ConfigMaps are in ${namespace}`);
  }
}
