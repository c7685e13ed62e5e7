import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { FleetStand } from "../fleet-stand.ts";
import { summarise } from "./benchmark.ts";
import type { Benchmark } from "./benchmark.ts";
import { bundleAgent } from "./bundle-agent.ts";

const OBJECTS = 100;
const DEPLOYMENTS = 10;
const SAMPLES = 20;
const CONFIG_MAPS = "/api/v1/namespaces/hundred/configmaps";

export const agentMemory: Benchmark = {
  name: "agent-memory",
  about: `resident memory of the bundled agent with ${OBJECTS} objects, each second for ${SAMPLES} s after it applied them`,
  async run(progress) {
    progress("bundling the agent");
    const agentBundle = await bundleAgent();
    progress("starting a cluster");
    await using fleet = await FleetStand.start({ clusters: ["prod"], empty: true, agentBundle });
    const { agent } = fleet.member("prod");
    const idleMb = await residentMb(agent.pid);
    const commit = await fleet.checkout.publish(manifests(), "feat: a hundred objects");
    await fleet.applied(commit, { timeoutMs: 60_000 });
    const { items } = await fleet.member("prod").cluster.request<{ items: unknown[] }>("GET", CONFIG_MAPS);
    if (items.length < OBJECTS - DEPLOYMENTS - 1) throw new Error(`only ${items.length} ConfigMaps are there`);
    const samples: number[] = [];
    for (let sample = 0; sample < SAMPLES; sample++) {
      // The measurement itself: one look each second.
      await delay(1_000);
      samples.push(await residentMb(agent.pid));
      progress(`${samples.at(-1)?.toFixed(1)} MB`);
    }
    return [
      { label: "joined, nothing to do", unit: "MB", value: idleMb },
      summarise(`${OBJECTS} objects applied`, "MB", samples),
    ];
  },
};

/** Linux only: what the kernel counts as resident. */
async function residentMb(pid: number): Promise<number> {
  const status = await readFile(join("/proc", `${pid}`, "status"), "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
}

function manifests(): Record<string, string> {
  const objects = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "hundred" } },
    ...Array.from({ length: DEPLOYMENTS }, (_, index) => deployment(`web-${index}`)),
    ...Array.from({ length: OBJECTS - DEPLOYMENTS - 1 }, (_, index) => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: `settings-${index}` },
      data: { text: "x".repeat(1_000) },
    })),
  ];
  const app = {
    apiVersion: "axle.dev/v1",
    kind: "App",
    metadata: { name: "hundred" },
    spec: { source: { path: "./manifests" }, namespace: "hundred", clusters: { all: true } },
  };
  return {
    "apps/hundred/app.yaml": JSON.stringify(app),
    "apps/hundred/manifests/all.yaml": objects.map((object) => JSON.stringify(object)).join("\n---\n"),
  };
}

function deployment(name: string): unknown {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name: "web", image: "example.com/web:1" }] } };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: { replicas: 1, selector: { matchLabels: labels }, template },
  };
}
