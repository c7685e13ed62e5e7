import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SliceApp } from "@axle/core/slice/slice.ts";
import { silentLogger } from "@axle/runtime/logger.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { NatsServer } from "@axle/testkit/nats-server.ts";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { DiskCache } from "./adapters/disk/disk-cache.ts";
import { KubeClient } from "./adapters/kube/kube-client.ts";
import { kubeconfigAccess } from "./adapters/kube/kubeconfig-access.ts";
import { NatsSliceSource } from "./adapters/nats/nats-slice-source.ts";
import { accessTo, SliceStreams } from "./adapters/nats/slice-streams.test-support.ts";
import { Agent } from "./agent.ts";
import { KubeReconciler } from "./reconcile.ts";
import { configMapOf } from "./reconcile/reconcile-fixture.ts";
import { ReportBook } from "./report-book.ts";
import { SliceForge } from "./slice/slice-forge.test-support.ts";

const forge = new SliceForge();
let cluster: KubeCluster;
let nats: NatsServer;
let streams: SliceStreams;
beforeAll(async () => {
  [cluster, nats] = await Promise.all([KubeCluster.start({ name: "bad-packs", workloads: false }), NatsServer.start()]);
  streams = await SliceStreams.start(nats.url);
});
afterAll(async () => {
  await streams?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

/** An app of ConfigMaps; its pack is not stored yet. */
function appOf(name: string, revision: number, maps: string): SliceApp {
  const objects = maps.split(" ").map((map) => configMapOf(`default/${name}-${map}`, { revision: `${revision}` }));
  return forge.app(name, revision, forge.pack(objects));
}

const digestOf = ({ packs }: SliceApp) => packs[0]?.digest ?? "";
const storePack = (app: SliceApp) =>
  streams.publish(`axle.pack.${digestOf(app)}.0`, forge.packs.get(digestOf(app)) ?? "");
const publish = (n: number, apps: readonly SliceApp[]) =>
  streams.publish("axle.slice.c1", JSON.stringify(forge.slice(n, apps)));

/** An agent as its process puts it together, but for the hub. */
async function startAgent(folder: string) {
  const client = new KubeClient(await kubeconfigAccess(cluster.kubeconfigPath));
  const source = new NatsSliceSource({
    cluster: "c1",
    access: accessTo(nats.url),
    log: silentLogger,
    maxPackBytes: 1_000_000,
    packLagMs: 100,
  });
  const cache = new DiskCache({ folder, key: new Uint8Array(32), maxBytes: 1_000_000, log: silentLogger });
  const book = new ReportBook(() => undefined);
  const agent = new Agent({
    cluster: forge.cluster,
    source,
    cache,
    reconciler: new KubeReconciler({ client, cluster: forge.cluster, events: book, log: silentLogger }),
    book,
    keySet: () => forge.keySet,
    sealPrivateKey: forge.sealPrivateKey,
    log: silentLogger,
    times: { rereadMs: 60_000, verifyMs: 60_000, retryMs: 50 },
    limits: { maxSliceBytes: 1_000_000, maxPackBytes: 1_000_000, packConcurrency: 4 },
  });
  const stop = new AbortController();
  const running = Promise.all([source.run(stop.signal), agent.run(stop.signal)]);
  const finish = async () => {
    stop.abort(new Error("stopped"));
    await running.catch(() => undefined);
    await cache.settled();
    client[Symbol.dispose]();
  };
  onTestFinished(finish);
  const report = (app: string) => book.reports.find((one) => one.app === app);
  return { report, book, cache, finish };
}

const revisionOf = async (name: string) =>
  (
    await cluster.kubectl(
      "get",
      "configmap",
      "-n",
      "default",
      name,
      "--ignore-not-found",
      "-o",
      "jsonpath={.data.revision}",
    )
  ).trim();

test("S2: a pack that is missing or corrupt in NATS stops its app alone and every prune, until it can be read", async () => {
  const folder = await mkdtemp(join(tmpdir(), "axle-agent-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { report, book, finish } = await startAgent(folder);
  const [web, api, old] = [appOf("web", 1, "a b"), appOf("api", 1, "a"), appOf("old", 1, "a")];
  // So many that one app leaving is no large deletion.
  const others = ["x", "y"].map((name) => appOf(name, 1, "a"));
  await Promise.all([web, api, old, ...others].map(storePack));
  await publish(1, [api, old, web, ...others]);
  await eventually(() => expect(book.isApplied).toBe(true));

  const [web2, api2, db2] = [appOf("web", 2, "a"), appOf("api", 2, "a c"), appOf("db", 2, "a")];
  await storePack(web2);
  await streams.publish(`axle.pack.${digestOf(db2)}.0`, "not the pack");
  await publish(2, [api2, db2, web2, ...others]);
  await eventually(async () => expect(await revisionOf("web-a")).toBe("2"));
  await eventually(() =>
    expect(report("web")?.message).toMatch(/^1 object that left it is kept until every pack of app/),
  );
  expect(report("api")).toMatchObject({ sync: "Blocked", revision: 2 });
  expect(report("api")?.message).toMatch(new RegExp(`^pack ${digestOf(api2)} is not there.*asked for again`));
  expect(report("db")?.message).toMatch(
    new RegExp(`^pack ${digestOf(db2)} does not match its digest.*asked for again`),
  );
  await eventually(() => expect(report("old")).toMatchObject({ sync: "Blocked" }));
  expect(await Promise.all(["web-b", "api-a", "old-a"].map(revisionOf))).toEqual(["1", "1", "1"]);
  expect(book.isApplied).toBe(false);

  await storePack(api2);
  await eventually(async () => expect(await revisionOf("api-c")).toBe("2"));
  expect(await revisionOf("old-a")).toBe("1");
  await storePack(db2);
  await eventually(async () => {
    expect(await Promise.all(["db-a", "web-b", "old-a"].map(revisionOf))).toEqual(["2", "", ""]);
    expect(book.isApplied).toBe(true);
  });
  await finish();

  // On the disk the pack of one app is damaged, and NATS is away when the agent starts: then it comes from NATS again.
  const path = join(folder, "packs", digestOf(api2));
  await writeFile(path, (await readFile(path)).subarray(1));
  await nats.kill();
  await cluster.kubectl("delete", "configmap", "-n", "default", "web-a", "api-a");
  const again = await startAgent(folder);
  await eventually(async () => expect(await revisionOf("web-a")).toBe("2"));
  await eventually(() => expect(again.report("api")).toMatchObject({ sync: "Blocked" }));
  expect(again.report("api")?.message).toContain(`pack ${digestOf(api2)} cannot be fetched`);
  expect(await revisionOf("api-c")).toBe("2");
  await nats.restart();
  await eventually(async () => expect(await revisionOf("api-a")).toBe("2"), { timeoutMs: 20_000 });
  await eventually(() => expect(again.book.isApplied).toBe(true));
  await again.cache.settled();
  expect(await readdir(join(folder, "packs"))).toContain(digestOf(api2));
}, 60_000);
