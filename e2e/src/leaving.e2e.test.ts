import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { FleetStand } from "./fleet-stand.ts";

const KINDS = "deployments,services,configmaps,namespaces";
const OURS = ["-l", "axle.dev/app"];

describe.sequential("a cluster leaves the fleet", () => {
  let fleet: FleetStand;

  beforeAll(async () => {
    fleet = await FleetStand.start({ clusters: ["prod", "dev"] });
    await fleet.settled({ timeoutMs: 90_000 });
  });

  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.log(fleet.logs());
  });

  afterAll(() => fleet[Symbol.asyncDispose]());

  /** Objects as `Kind namespace/name uid`, sorted. */
  async function objectsOf(name: string, ...selector: readonly string[]): Promise<readonly string[]> {
    const text = "{range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name} {.metadata.uid}{'\\n'}{end}";
    const { cluster } = fleet.member(name);
    const found = await cluster.kubectl("get", KINDS, "-A", ...selector, "-o", `jsonpath=${text}`);
    return found.split("\n").filter(Boolean).toSorted();
  }

  const isGone = async (name: string): Promise<boolean> => (await fleet.clusterView(name)) === undefined;

  it("keeps what runs there when it is told so: the same objects, without our marks, and an agent at rest", async () => {
    const { cluster, agent } = fleet.member("prod");
    const before = await objectsOf("prod", ...OURS);
    expect(before.length).toBeGreaterThan(5);
    const said = await fleet.axle("cluster", "forget", "prod", "--keep", "--yes", "-o", "json");
    expect(said).toMatchObject({ code: 0, stderr: expect.stringMatching(/Takes prod .*shop: \d+ objects/s) });
    expect(JSON.parse(said.stdout)).toMatchObject({ cluster: "prod", state: "leaving", mode: "keep", online: true });
    await agent.waitUntil(() => isGone("prod"), 60_000);
    await agent.waitUntil(async () => agent.logs(500).includes("this cluster has left the fleet"), 30_000);

    expect(await objectsOf("prod", ...OURS)).toEqual([]);
    const after = await objectsOf("prod");
    for (const object of before) expect(after).toContain(object);
    const own = await cluster.kubectl("get", "axleinventories,axleagents", "-A", "-o", "name");
    expect(own.trim()).toBe("");
    const warned = async () =>
      (await fleet.client.getFleet()).problems.some(({ code }) => code === "forgotten-cluster");
    await eventually(warned, { what: "a warning for its file", timeoutMs: 30_000 });
    expect((await fleet.axle("status", "--cluster", "prod")).code).toBe(5);
  });

  it("does not come back by itself, and takes everything over again when it joins anew", async () => {
    const { agent } = fleet.member("prod");
    await agent.kill();
    await agent.start();
    await agent.waitUntil(async () => agent.logs(500).includes("this cluster has left the fleet"), 30_000);
    expect(await isGone("prod")).toBe(true);
    const before = await objectsOf("prod");
    await agent.kill();
    await fleet.join("prod");
    await fleet.settled({ on: ["prod"], timeoutMs: 60_000 });
    const ours = await objectsOf("prod", ...OURS);
    expect(ours.length).toBeGreaterThan(5);
    for (const object of ours) expect(before).toContain(object);
  });

  it("deletes what the fleet put there when it comes back, whoever is killed meanwhile, and nothing else", async () => {
    const { cluster, agent } = fleet.member("dev");
    await cluster.kubectl("create", "configmap", "mine", "-n", "default");
    const before = await objectsOf("dev", ...OURS);
    await agent.kill();
    await eventually(async () => (await fleet.clusterView("dev"))?.freshness.online === false);
    const said = await fleet.axle("cluster", "forget", "dev", "--delete", "--yes");
    expect(said).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("it is offline and leaves when it comes back"),
    });
    expect((await fleet.axle("cluster", "forget", "dev", "--keep", "--yes")).stderr).toMatch(
      /leaving with --delete .*--cancel/,
    );
    expect((await fleet.axle("cluster", "forget", "dev", "--cancel")).stdout).toContain("dev stays");
    await fleet.axle("cluster", "forget", "dev", "--delete", "--yes");
    const shown = await fleet.axle("get", "clusters");
    expect(shown.stdout).toMatch(/dev +Leaving \(offline since/);
    expect((await fleet.axle("status", "--cluster", "dev")).code).toBe(1);
    expect(await objectsOf("dev", ...OURS)).toEqual(before);

    await fleet.hub.kill();
    await fleet.restartHub();
    await agent.start();
    await eventually(async () => (await objectsOf("dev", ...OURS)).length < before.length, { timeoutMs: 60_000 });
    await agent.kill();
    await fleet.hub.kill();
    await fleet.restartHub();
    await agent.start();
    await agent.waitUntil(() => isGone("dev"), 90_000);
    expect(await objectsOf("dev", ...OURS)).toEqual([]);
    const left = (await objectsOf("dev")).map((object) => object.split(" ").slice(0, 2).join(" "));
    expect(left).toContain("ConfigMap default/mine");
    expect(left).not.toContain("Namespace /shop");
  });

  it("is cut off at once when it is revoked, runs on, and is forgotten then without its agent", async () => {
    const before = await objectsOf("prod", ...OURS);
    expect((await fleet.axle("cluster", "revoke", "prod", "--yes")).stdout).toContain("prod is revoked");
    await eventually(async () => (await fleet.clusterView("prod"))?.freshness.online === false);
    expect((await fleet.axle("get", "clusters")).stdout).toMatch(/prod +Revoked +Blocked +Unknown/);
    expect((await fleet.axle("status", "--cluster", "prod")).code).toBe(1);
    expect(await objectsOf("prod", ...OURS)).toEqual(before);
    const said = await fleet.axle("cluster", "forget", "prod", "--keep", "--now", "--yes");
    expect(said.stdout).toContain("prod is no cluster of the fleet any more");
    expect(await isGone("prod")).toBe(true);
    expect(await objectsOf("prod", ...OURS)).toEqual(before);
  });
});
