import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ClusterView } from "@axle/cli/client/fleet-types.ts";
import { FleetStand } from "./fleet-stand.ts";
import { editFile, SETTINGS_FILE } from "./journey/sample.ts";
import { configMapPath, deploymentPath, read } from "./live-objects.ts";
import type { LiveConfigMap, LiveDeployment } from "./live-objects.ts";

const NAMES = ["dev", "prod"] as const;
const SETTINGS = configMapPath("shop", "settings");

describe.sequential("a fleet whose processes are killed", () => {
  let fleet: FleetStand;
  let greeting = "welcome";
  let commits = 0;

  beforeAll(async () => {
    fleet = await FleetStand.start({ clusters: NAMES, workloads: false, poll: "2s" });
    await fleet.applied(await fleet.checkout.head(), { timeoutMs: 60_000 });
  });

  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.log(fleet.logs());
  });

  afterAll(() => fleet[Symbol.asyncDispose]());

  async function pushGreeting(): Promise<string> {
    commits += 1;
    const next = `hello-${commits}`;
    await editFile(fleet, SETTINGS_FILE, { from: `GREETING: ${greeting}`, to: `GREETING: ${next}` });
    greeting = next;
    const commit = await fleet.checkout.commit(`feat: greeting ${commits}`);
    await fleet.checkout.push();
    return commit;
  }

  async function greetedOn(names: readonly string[], timeoutMs = 60_000): Promise<void> {
    for (const name of names) {
      const { cluster } = fleet.member(name);
      await eventually(async () => (await read<LiveConfigMap>(cluster, SETTINGS)).data?.["GREETING"] === greeting, {
        what: `the greeting ${greeting} on ${name}`,
        timeoutMs,
      });
    }
  }

  async function view(name: string): Promise<ClusterView> {
    const found = await fleet.clusterView(name);
    if (found === undefined) throw new Error(`the hub does not know ${name}`);
    return found;
  }

  it("S10: the hub, killed right after a push, brings the commit everywhere when it is back", async () => {
    const commit = await pushGreeting();
    await fleet.hub.kill();
    await fleet.restartHub();
    await greetedOn(NAMES);
    await fleet.applied(commit);
  });

  it("S10: the hub, killed before a push, finds the commit when it is back", async () => {
    await fleet.hub.kill();
    await pushGreeting();
    await fleet.restartHub();
    await greetedOn(NAMES);
  });

  it("L1: a NATS server that is killed is started again and nothing is lost", async () => {
    const pid = fleet.natsPid;
    expect(pid).toBeGreaterThan(0);
    process.kill(pid ?? 0, "SIGKILL");
    await pushGreeting();
    await greetedOn(NAMES);
    expect(fleet.natsPid).not.toBe(pid);
  });

  it("L1: an agent, killed right after a push, applies it when it is back", async () => {
    const { agent } = fleet.member("prod");
    const commit = await pushGreeting();
    await agent.kill();
    await agent.start();
    await greetedOn(NAMES);
    await fleet.applied(commit);
  });

  it("L2, S8: a cluster whose agent is away is shown offline, delays nobody, and catches up", async () => {
    const { agent } = fleet.member("dev");
    await agent.kill();
    await eventually(async () => !(await view("dev")).freshness.online, { what: "dev shown offline" });
    await pushGreeting();
    await greetedOn(["prod"], 10_000);
    const away = await fleet.axle("get", "clusters");
    expect(away.stdout).toMatch(/dev +Offline since/);
    expect((await fleet.axle("status")).code).toBe(1);
    await agent.start();
    await greetedOn(["dev"]);
  });

  it("L3: a hand edit made while the agent is away is undone when it is back", async () => {
    const { agent, cluster } = fleet.member("prod");
    const path = deploymentPath("shop", "web");
    await agent.kill();
    await cluster.kubectl("--namespace", "shop", "scale", "deployment/web", "--replicas=9");
    await agent.start();
    await eventually(async () => (await read<LiveDeployment>(cluster, path)).spec.replicas === 3, {
      what: "three replicas again",
      timeoutMs: 60_000,
    });
  });

  it("L4: a restart of everything with nothing changed publishes and applies nothing", async () => {
    await fleet.applied(await fleet.checkout.head());
    const stateOf = async (): Promise<unknown> =>
      Promise.all(
        NAMES.map(async (name) => {
          const { cluster } = fleet.member(name);
          const objects = [await read(cluster, SETTINGS), await read(cluster, deploymentPath("shop", "web"))];
          const versions = objects.map(({ metadata }) => metadata.resourceVersion);
          return { name, expected: (await view(name)).expected, versions };
        }),
      );
    const before = await stateOf();
    await fleet.hub.kill();
    for (const name of NAMES) await fleet.member(name).agent.kill();
    await fleet.restartHub();
    for (const name of NAMES) await fleet.member(name).agent.start();
    await eventually(async () => (await Promise.all(NAMES.map(view))).every(({ freshness }) => freshness.online), {
      what: "both agents online again",
      timeoutMs: 60_000,
    });
    await fleet.applied(await fleet.checkout.head());
    expect(await stateOf()).toEqual(before);
  });
});
