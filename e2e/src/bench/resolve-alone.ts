/** `resolve-alone.ts CLUSTERS`: the pure part of the hub's cycle by itself, as `resolve-scale` measures it; prints JSON. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { argv, resourceUsage } from "node:process";
import { DocumentMemo } from "@axle/core/fleet/document-memo.ts";
import { contractFilesOf, readContractInSteps } from "@axle/core/fleet/parse-contract.ts";
import type { AppRecord } from "@axle/core/placement/app-record.ts";
import { mergeClusters } from "@axle/core/placement/merge-clusters.ts";
import { planFleetInSteps } from "@axle/core/placement/plan-fleet.ts";
import { PlanMemo } from "@axle/core/placement/plan-memo.ts";
import { planSlicesInSteps } from "@axle/core/placement/plan-slices.ts";
import type { RenderedPack } from "@axle/core/placement/rendered-variant.ts";
import { foldersToInspect, resolveInSteps } from "@axle/core/placement/resolve.ts";
import { ResolveMemo } from "@axle/core/placement/resolve-memo.ts";
import { SliceMemo } from "@axle/core/placement/slice-memo.ts";
import type { SourceInfo, Variant } from "@axle/core/placement/variant.ts";
import { runInSteps } from "@axle/runtime/run-in-steps.ts";
import { clusterAt, generateRepository } from "./large-repository.ts";
import type { ResolveTimes } from "./resolve-scale.ts";

const ROUNDS = 5;
const size = { clusters: Number(argv[2] ?? 1_000), apps: 50 };
const { signal } = new AbortController();
const files = generateRepository(size);
const served = ["v1", "v1/ConfigMap", "v1/Service", "apps/v1", "apps/v1/Deployment"];
const registrations = Array.from({ length: size.clusters }, (_, index) => ({
  id: `id-${index}`,
  ...clusterAt(index),
  facts: { kubernetesVersion: "1.37.0", provider: "", nodes: 3, apiVersions: served },
}));
const memo = {
  documents: new DocumentMemo(),
  resolve: new ResolveMemo(),
  plan: new PlanMemo(),
  slices: new SliceMemo(),
};
const packs = new Map<string, RenderedPack>();
let previous: ReadonlyMap<string, AppRecord> = new Map();

/** One cycle; `changed` names the variant folder whose content is new. */
async function cycle(commit: string, changed?: string): Promise<number> {
  const startedMs = performance.now();
  const wanted = contractFilesOf(files.get("axle.yaml"), files.keys());
  const texts = new Map(wanted.map((path) => [path, files.get(path) ?? ""]));
  const contract = await runInSteps(readContractInSteps({ paths: files.keys(), texts, memo: memo.documents }), signal);
  const clusters = mergeClusters(registrations, contract.clusterFiles);
  const sources = new Map(foldersToInspect(contract).map((folder) => [folder, sourceOf(folder)]));
  const resolution = await runInSteps(resolveInSteps({ contract, clusters, sources, memo: memo.resolve }), signal);
  const variants = new Map([...resolution.apps.values()].flatMap((app) => [...app.variants]));
  const facts = new Map(registrations.map((one) => [one.id, one.facts]));
  const ids = registrations.map(({ id }) => id);
  const planning = planFleetInSteps({
    commit,
    atMs: 0,
    clusters: ids,
    previous,
    resolution,
    rendered: new Map(
      [...variants].map(([key, variant]) => [key, renderOf(variant, variant.path === changed ? commit : "")]),
    ),
    objectsOf: (digest) => packs.get(digest)?.objects,
    clearHolds: [],
    factsOf: (id) => facts.get(id),
    memo: memo.plan,
  });
  const plan = await runInSteps(planning, signal);
  const records = new Map(previous);
  for (const record of plan.records) records.set(record.app, record);
  previous = records;
  const slices = await runInSteps(
    planSlicesInSteps({ records, clusters: ids, approvals: new Map(), memo: memo.slices }),
    signal,
  );
  if (slices.size !== size.clusters) throw new Error(`${slices.size} slices for ${size.clusters} clusters`);
  return performance.now() - startedMs;
}

function sourceOf(folder: string): SourceInfo {
  const type = folder.startsWith("helm/") ? "helm" : folder.startsWith("kustomize/") ? "kustomize" : "raw";
  return { type, asksCapabilities: false };
}

/** Stands for what the memo knows of a variant: the cost of rendering is another benchmark's. */
function renderOf({ app, path, values }: Variant, content: string): RenderedPack {
  const digest = `${path} ${JSON.stringify(values)} ${content}`;
  const known = packs.get(digest);
  if (known !== undefined) return known;
  const kinds = [
    { group: "", apiVersion: "v1", kind: "ConfigMap" },
    { group: "", apiVersion: "v1", kind: "Service" },
    { group: "apps", apiVersion: "apps/v1", kind: "Deployment" },
  ];
  const objects = kinds.map(({ group, apiVersion, kind }) => ({
    id: `${group}/${kind}/${app}/${app}`,
    file: `${path}/all.yaml`,
    apiVersion,
  }));
  const made = { pack: { digest, keyId: digest, size: 1_000, chunks: 1, objects: objects.length }, objects };
  packs.set(digest, made);
  return made;
}

async function median(work: (round: number) => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) times.push(await work(round));
  return times.sort((a, b) => a - b)[ROUNDS >> 1] ?? 0;
}

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
const times: ResolveTimes = {
  cold: await cycle("first"),
  oneChange: await median((round) => cycle(`commit-${round}`, "kustomize/app-001/overlays/dev")),
  unchanged: await median(() => cycle("again", "kustomize/app-001/overlays/dev")),
  peakMegabytes: resourceUsage().maxRSS / 1024,
  longestPause: delay.max / 1e6,
};
console.log(JSON.stringify(times));
