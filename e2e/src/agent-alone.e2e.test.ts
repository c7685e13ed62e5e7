import { join } from "node:path";
import { eventually } from "@axle/testkit/eventually.ts";
import { findFreePort } from "@axle/testkit/free-port.ts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AxleProcess } from "./axle-process.ts";
import { FleetStand } from "./fleet-stand.ts";
import { configMapPath, type LiveConfigMap, read } from "./live-objects.ts";

const SETTINGS = configMapPath("shop", "settings");

describe.sequential("an agent left to itself", () => {
  let fleet: FleetStand;

  beforeAll(async () => {
    fleet = await FleetStand.start({ clusters: ["dev"], workloads: false });
    await fleet.applied(await fleet.checkout.head(), { timeoutMs: 60_000 });
  });

  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.log(fleet.logs());
  });

  afterAll(() => fleet[Symbol.asyncDispose]());

  /** An agent beside the stand's own, with the same identity, as a second pod of its Deployment would be. */
  function secondAgent(more: readonly string[] = []): AxleProcess {
    const { cluster } = fleet.member("dev");
    const data = join(fleet.folder, "agent-dev");
    return new AxleProcess("second agent", {
      args: ["agent", "--kubeconfig", cluster.kubeconfigPath, "--data", data, ...more],
    });
  }

  const greeting = async () => (await read<LiveConfigMap>(fleet.member("dev").cluster, SETTINGS)).data?.["GREETING"];

  it("stands by while another works in its cluster, says so, and takes over when that one is killed", async () => {
    const port = await findFreePort();
    const { agent } = fleet.member("dev");
    await using second = secondAgent(["--health-port", String(port), "--health-listen", "127.0.0.1"]);
    await second.start();
    const ask = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
    await eventually(() => expect(second.logs()).toContain("another agent leads, standing by"));
    expect(await ask("/readyz")).toBe("standing by\n");
    expect(await ask("/metrics")).toContain("axle_agent_leading 0");
    await agent.kill();
    await eventually(async () => expect(await ask("/readyz")).toBe("ok\n"), { timeoutMs: 20_000 });
    expect(await ask("/healthz")).toBe("ok\n");
    await eventually(async () => expect(await ask("/metrics")).toContain("axle_agent_hub_connected 1"));
    await eventually(async () => expect(await ask("/metrics")).toContain('axle_agent_apps{sync="Applied"'));
    await eventually(async () => (await fleet.clusterView("dev"))?.freshness.online === true);
    await second.stop();
    await agent.start();
    await agent.waitUntil(async () => (await fleet.clusterView("dev"))?.freshness.online === true, 30_000);
  });

  it("tries again at once what failed when somebody asks for it", async () => {
    const { cluster } = fleet.member("dev");
    const policy = {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicy",
      metadata: { name: "no-settings" },
      spec: {
        matchConstraints: {
          resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["*"], resources: ["configmaps"] }],
        },
        validations: [{ expression: "object == null || object.metadata.name != 'settings'" }],
      },
    };
    const binding = {
      ...policy,
      kind: "ValidatingAdmissionPolicyBinding",
      spec: { policyName: "no-settings", validationActions: ["Deny"] },
    };
    const [apply, take] = [["apply", "-f", "-"] as const, ["delete", "-f", "-"] as const];
    const both = JSON.stringify({ apiVersion: "v1", kind: "List", items: [policy, binding] });
    await cluster.pipeToKubectl(both, ...apply);
    // Denied until the server goes by its new policy, then changed by hand: what puts it right is refused.
    const edit = () => cluster.kubectl("-n", "shop", "delete", "configmap", "settings", "--ignore-not-found");
    const stateOf = async () => (await fleet.client.getStatus({ type: "app", name: "shop" })).rows[0]?.report;
    await eventually(
      async () => {
        await edit();
        expect((await fleet.axle("sync", "shop", "--cluster", "dev")).code).toBe(0);
        return (await stateOf())?.sync === "Failed";
      },
      { timeoutMs: 30_000 },
    );
    await cluster.pipeToKubectl(both, ...take);
    await eventually(
      async () => {
        const said = await fleet.axle("sync", "shop", "-o", "name");
        expect(said).toMatchObject({ code: 0, stdout: "dev\n" });
        return (await stateOf())?.sync === "Applied";
      },
      { timeoutMs: 30_000 },
    );
    expect((await fleet.axle("sync", "nothing")).stderr).toContain('there is no app named "nothing"');
  });

  it("L1: keeps its cluster as it was told, over a restart, with hub and NATS away", async () => {
    const { agent, cluster } = fleet.member("dev");
    const wanted = await greeting();
    await fleet.hub.kill();
    await agent.kill();
    await cluster.kubectl("-n", "shop", "delete", "configmap", "settings");
    await agent.start();
    await eventually(async () => (await greeting()) === wanted, { what: "the ConfigMap is back", timeoutMs: 30_000 });
    await fleet.restartHub();
    await eventually(async () => (await fleet.clusterView("dev"))?.freshness.online === true, { timeoutMs: 30_000 });
  });

  it("says what to do when it has neither an identity nor a token, and when its token is none", async () => {
    const { cluster, agent } = fleet.member("dev");
    await agent.stop();
    const without = ["agent", "--kubeconfig", cluster.kubeconfigPath, "--data", join(fleet.folder, "nobody")];
    const nothing = await fleet.axle(...without);
    expect(nothing.code).not.toBe(0);
    expect(nothing.stderr).toContain("axle token create");
    const wrong = await fleet.axle(...without, "--token", "axle1.nonsense");
    expect(wrong.code).not.toBe(0);
    expect(wrong.stderr).toContain("the join token is damaged");
  });
});
