import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { formatProblem } from "@axle/core/fleet/problem.ts";
import { FleetStand } from "./fleet-stand.ts";
import { configMapPath, exists, read } from "./live-objects.ts";
import type { LiveConfigMap } from "./live-objects.ts";

const LAYOUT = `apiVersion: axle.dev/v1
kind: Fleet
metadata: { name: branches }
spec:
  layout:
    - path: apps/{app}
      branch: env/{env}
      clusters: { matchLabels: { env: "{env}" } }
      namespace: default
`;
const PLATFORM = `    - path: platform/{app}
      ref: v1.0.0
      clusters: { all: true }
      namespace: default
`;
const WEB = configMapPath("default", "web");
const DNS = configMapPath("default", "dns");

function configMap(name: string, value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata: { value: "${value}" }\n`;
}

/** Polling is as good as off: what happens soon happens because of a hook. */
describe.sequential("environments as branches of one repository", () => {
  let fleet: FleetStand;

  beforeAll(async () => {
    const files = { "axle.yaml": LAYOUT };
    fleet = await FleetStand.start({
      clusters: ["staging", "prod"],
      workloads: false,
      empty: true,
      files,
      poll: "30m",
    });
  });

  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.log(fleet.logs());
  });

  afterAll(() => fleet[Symbol.asyncDispose]());

  /** Writes files on a branch, from where it is; begins it with nothing where it is new. */
  async function pushTo(branch: string, files: Readonly<Record<string, string>>): Promise<string> {
    const { checkout } = fleet;
    const isKnown = await checkout.git("rev-parse", "--verify", "--quiet", branch).then(
      () => true,
      () => false,
    );
    await checkout.git("checkout", "--quiet", ...(isKnown ? [branch] : ["--orphan", branch]));
    if (!isKnown) await checkout.git("rm", "-r", "-f", "--quiet", ".");
    await checkout.write(files);
    const commit = await checkout.commit(`feat: next of ${branch}`);
    await checkout.push("--force");
    await checkout.git("checkout", "--quiet", "main");
    return commit;
  }

  async function valueOn(name: string, path: string): Promise<string | undefined> {
    const { cluster } = fleet.member(name);
    return (await exists(cluster, path)) ? (await read<LiveConfigMap>(cluster, path)).data?.["value"] : undefined;
  }

  async function until(name: string, path: string, value: string | undefined): Promise<void> {
    await eventually(async () => (await valueOn(name, path)) === value, {
      what: `${path} on ${name} to be ${String(value)}`,
      timeoutMs: 30_000,
    });
  }

  it("each branch reaches the clusters of its environment", async () => {
    await pushTo("env/staging", { "apps/web/config.yaml": configMap("web", "staging 1") });
    await pushTo("env/prod", { "apps/web/config.yaml": configMap("web", "prod 1") });
    await until("staging", WEB, "staging 1");
    await until("prod", WEB, "prod 1");
  });

  it("a push to one of them reaches no other, and the timeline names its commit", async () => {
    const version = (await read<LiveConfigMap>(fleet.member("prod").cluster, WEB)).metadata.resourceVersion;
    const commit = await pushTo("env/staging", { "apps/web/config.yaml": configMap("web", "staging 2") });
    await until("staging", WEB, "staging 2");
    await fleet.settled();
    expect((await read<LiveConfigMap>(fleet.member("prod").cluster, WEB)).metadata.resourceVersion).toBe(version);
    const timeline = await fleet.axle("timeline", commit.slice(0, 12), "-o", "json");
    expect(timeline.code).toBe(0);
    expect(timeline.stdout).toContain("staging");
    expect(timeline.stdout).not.toContain('"prod"');
    const { commits } = await fleet.client.getFleet();
    const seen = commits.find((each) => each.commit === commit);
    expect(seen?.subject).toBe("feat: next of env/staging (branch env/staging)");
    expect(seen).toMatchObject({ clusters: 1 });
    await eventually(
      async () => (await fleet.client.getFleet()).commits.find((each) => each.commit === commit)?.clustersApplied === 1,
      { what: "the commit to count as applied" },
    );
  });

  it("what all have comes from a tag that axle.yaml on main names", async () => {
    const { checkout } = fleet;
    await pushTo("releases", { "platform/dns/config.yaml": configMap("dns", "1.0.0") });
    await checkout.git("tag", "v1.0.0", "releases");
    await checkout.git("push", "--quiet", "origin", "v1.0.0");
    const commit = await checkout.publish({ "axle.yaml": `${LAYOUT}${PLATFORM}` }, "feat: a platform");
    await fleet.applied(commit);
    await until("staging", DNS, "1.0.0");
    await until("prod", DNS, "1.0.0");
    const targets = await fleet.axle("targets", "--app", "dns");
    expect(targets.stdout).toMatch(/staging/);
  });

  it("S3: a branch that was rewritten stays where it was until a person allows it, while others move on", async () => {
    await fleet.checkout.git("branch", "-D", "--quiet", "env/prod");
    const rewritten = await pushTo("env/prod", { "apps/web/config.yaml": configMap("web", "prod rewritten") });
    await eventually(
      async () => {
        const { problems } = await fleet.client.getFleet();
        return problems.some((problem) => formatProblem(problem).includes("branch env/prod was rewritten"));
      },
      { what: "the hub to say so" },
    );
    await pushTo("env/staging", { "apps/web/config.yaml": configMap("web", "staging 3") });
    await until("staging", WEB, "staging 3");
    expect(await valueOn("prod", WEB)).toBe("prod 1");
    const status = await fleet.axle("status");
    expect(status.stdout).toContain("branch env/prod was rewritten");
    expect((await fleet.axle("approve", "--rewrite", rewritten.slice(0, 12), "--yes")).code).toBe(0);
    await until("prod", WEB, "prod rewritten");
    expect((await fleet.client.getFleet()).problems).toEqual([]);
  });

  it("S4: a branch that is deleted by mistake deletes nothing before a person says so", async () => {
    await fleet.checkout.git("push", "--quiet", "origin", "--delete", "env/staging");
    await eventually(
      async () => {
        const { rows } = await fleet.client.getStatus({ type: "app", name: "web" });
        return rows.some((row) => JSON.stringify(row).includes("leaves"));
      },
      { what: "the deletion to wait" },
    );
    expect(await valueOn("staging", WEB)).toBe("staging 3");
    await pushTo("env/staging", { "apps/web/config.yaml": configMap("web", "staging 4") });
    await until("staging", WEB, "staging 4");
  });
});
