import { join } from "node:path";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { TokenGrant } from "@axle/cli/client/fleet-client.ts";
import { AxleProcess } from "./axle-process.ts";
import type { AxleResult } from "./axle-process.ts";
import { FleetStand } from "./fleet-stand.ts";

const GRANT: TokenGrant = { name: "prod", labels: { env: "prod" }, uses: 1, ttlMs: 600_000, manualApproval: false };

describe.sequential("a cluster joins a fleet", () => {
  let fleet: FleetStand;
  let agents = 0;

  beforeAll(async () => {
    fleet = await FleetStand.start({ clusters: ["prod"], workloads: false, join: false });
  });

  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.log(fleet.logs());
  });

  afterAll(() => fleet[Symbol.asyncDispose]());

  /** Arguments of an agent that has never been there before: another folder, so another key. */
  function newAgent(token: string, ...more: readonly string[]): string[] {
    agents += 1;
    const { kubeconfigPath } = fleet.member("prod").cluster;
    const data = join(fleet.folder, `joining-${agents}`);
    return ["agent", "--token", token, "--kubeconfig", kubeconfigPath, "--data", data, ...more];
  }

  async function newToken(grant: Partial<TokenGrant> = {}): Promise<string> {
    return (await fleet.client.createToken({ ...GRANT, ...grant })).token;
  }

  function expectRefused(result: AxleResult, hint: RegExp): void {
    expect(result.code).toBeGreaterThanOrEqual(2);
    expect(result.stderr).toMatch(hint);
    expect(result.stderr).not.toMatch(/^ {4}at /m);
  }

  it("is refused with a token that is cut short", async () => {
    const token = await newToken();
    expectRefused(await fleet.axle(...newAgent(token.slice(0, -40))), /axle: .*join token/);
  });

  it("is refused with a secret that is wrong, and learns where tokens come from", async () => {
    const forged = forgeSecret(await newToken());
    expectRefused(await fleet.axle(...newAgent(forged)), /does not know this join token.*axle token create/s);
  });

  it("is refused under a name its token does not grant", async () => {
    const token = await newToken();
    expectRefused(await fleet.axle(...newAgent(token, "--name", "staging")), /staging.*prod|prod.*staging/s);
    expect(await fleet.client.listClusters("")).toEqual([]);
  });

  it("says once that the hub is away, and joins when it is back", async () => {
    const token = await newToken();
    await fleet.hub.kill();
    await using agent = new AxleProcess("agent", { args: newAgent(token) });
    await agent.start();
    const said = (): number => agent.logs(1_000).split("trying again until it answers").length - 1;
    await agent.waitUntil(async () => said() === 1, 20_000);
    await fleet.restartHub();
    await agent.waitUntil(async () => (await fleet.clusterView("prod"))?.freshness.online === true, 60_000);
    expect(said()).toBe(1);

    const shown = await fleet.axle("get", "clusters", "-l", "env=prod");
    expect(shown.stdout).toMatch(/prod +Online .*v1\.\d+\.\d+ .*env=prod/);
    expect((await fleet.axle("get", "clusters", "-l", "env!=prod", "-o", "name")).stdout).toBe("");

    // The same token with another key: it was for one cluster.
    await agent.stop();
    expectRefused(await fleet.axle(...newAgent(token)), /used/);
  });

  it("waits for a person when it comes with a new key under a name that is taken, and takes its place then", async () => {
    await using agent = new AxleProcess("agent", { args: newAgent(await newToken()) });
    await agent.start();
    await eventually(async () => (await fleet.client.listClusters("")).some(({ waitsFor }) => waitsFor !== ""), {
      what: "a cluster that waits",
      timeoutMs: 30_000,
    });
    expect((await fleet.axle("cluster", "replace", "nobody", "--yes")).code).toBe(5);
    const admitted = await fleet.axle("cluster", "replace", "prod", "--yes");
    expect(admitted).toMatchObject({ code: 0, stdout: expect.stringContaining("prod is in") });
    await agent.waitUntil(async () => (await fleet.clusterView("prod"))?.freshness.online === true, 60_000);
  });
});

/** The token with another secret, otherwise as it was. */
function forgeSecret(token: string): string {
  const [version, body = ""] = token.split(".");
  const content = JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>;
  const forged = { ...content, s: Buffer.alloc(32, 7).toString("base64url") };
  return `${version}.${Buffer.from(JSON.stringify(forged)).toString("base64url")}`;
}
