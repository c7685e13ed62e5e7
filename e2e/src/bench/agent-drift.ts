import type { LiveConfigMap, LiveObject } from "../live-objects.ts";
import { configMapPath, deploymentPath, read } from "../live-objects.ts";
import { preciseNowMs } from "../journey/step.ts";
import { ObjectWatch } from "../watch-object.ts";
import { AgentStand, appFiles } from "./agent-stand.ts";
import { summarise } from "./benchmark.ts";
import type { Benchmark } from "./benchmark.ts";
import { configMaps, mixedObjects, namespaceOf } from "./sample-objects.ts";

const CONFIG_MAPS = 800;
const OTHERS = 200;
const SAMPLES = 40;
const DEPLOYMENT_SAMPLES = 20;
const APP = "thousand";

interface LiveTemplate extends LiveObject {
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } };
  };
}

export const agentDrift: Benchmark = {
  name: "agent-drift",
  about: `one of ${CONFIG_MAPS + OTHERS} objects changed or deleted by somebody else, from that request until a watch shows it as it was`,
  async run(progress) {
    await using stand = await AgentStand.start({ progress });
    progress("applying the objects");
    await stand.publish(
      appFiles(APP, [namespaceOf(APP), ...configMaps(CONFIG_MAPS), ...mixedObjects(OTHERS)]),
      "feat: a thousand",
    );
    const each = async (what: string, count: number, measure: (index: number) => Promise<number>) => {
      const tookMs: number[] = [];
      for (let index = 0; index < count; index++) tookMs.push(await measure(index));
      progress(`${what}: ${tookMs.map((ms) => ms.toFixed(0)).join(" ")} ms`);
      return tookMs;
    };
    const changed = await each("changed ConfigMaps", SAMPLES, (index) => timeChange(stand, index));
    const images = await each("changed Deployments", DEPLOYMENT_SAMPLES, (index) => timeImage(stand, index));
    const deleted = await each("deleted ConfigMaps", SAMPLES, (index) => timeDeletion(stand, SAMPLES + index));
    return [
      { ...summarise("a ConfigMap changed, until undone", "ms", changed), goal: { most: 500 } },
      { ...summarise("a Deployment's image changed, until undone", "ms", images), goal: { most: 500 } },
      { ...summarise("a ConfigMap deleted, until back", "ms", deleted), goal: { most: 500 } },
    ];
  },
};

async function timeChange(stand: AgentStand, index: number): Promise<number> {
  const path = configMapPath(APP, `settings-${index}`);
  using watch = ObjectWatch.open<LiveConfigMap>(stand.cluster, path);
  await watch.until(() => true);
  const sinceMs = preciseNowMs();
  const edited = await stand.cluster.request<LiveConfigMap>("PATCH", path, { data: { index: "by hand" } });
  const { atMs } = await watch.until(
    ({ data, metadata }) => isAfter(metadata, edited.metadata) && data?.["index"] === `${index}`,
  );
  return atMs - sinceMs;
}

async function timeImage(stand: AgentStand, index: number): Promise<number> {
  const path = deploymentPath(APP, `part-${index}`);
  using watch = ObjectWatch.open<LiveTemplate>(stand.cluster, path);
  const { object } = await watch.until(() => true);
  const imageOf = ({ spec }: LiveTemplate) => spec.template.spec.containers[0]?.image;
  const sinceMs = preciseNowMs();
  const edited = await stand.cluster.request<LiveTemplate>("PATCH", path, [
    { op: "replace", path: "/spec/template/spec/containers/0/image", value: "registry.example/web:by-hand" },
  ]);
  const { atMs } = await watch.until(
    (seen) => isAfter(seen.metadata, edited.metadata) && imageOf(seen) === imageOf(object),
  );
  return atMs - sinceMs;
}

async function timeDeletion(stand: AgentStand, index: number): Promise<number> {
  const path = configMapPath(APP, `settings-${index}`);
  const before = await read<LiveConfigMap>(stand.cluster, path);
  using watch = ObjectWatch.open<LiveConfigMap>(stand.cluster, path);
  await watch.until(() => true);
  const sinceMs = preciseNowMs();
  await stand.cluster.request("DELETE", path);
  const { atMs } = await watch.until(({ metadata }) => metadata.uid !== before.metadata.uid);
  return atMs - sinceMs;
}

function isAfter(seen: LiveObject["metadata"], than: LiveObject["metadata"]): boolean {
  return Number(seen.resourceVersion) > Number(than.resourceVersion);
}
