import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { formatProblem } from "@axle/core/fleet/problem.ts";
import { FleetStand } from "./fleet-stand.ts";
import { editFile } from "./journey/sample.ts";
import { configMapPath, exists, read } from "./live-objects.ts";
import type { LiveConfigMap } from "./live-objects.ts";

const THEME = configMapPath("banner", "theme");
const EXTRA = `apiVersion: v1
kind: ConfigMap
metadata: { name: extra }
`;

/** What the hub says of a commit with something wrong, and what the cluster does meanwhile. */
describe.sequential("a repository with something wrong in it", () => {
  let fleet: FleetStand;

  beforeAll(async () => {
    fleet = await FleetStand.start({ clusters: ["prod"], workloads: false });
    await fleet.applied(await fleet.checkout.head(), { timeoutMs: 60_000 });
  });

  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.log(fleet.logs());
  });

  afterAll(() => fleet[Symbol.asyncDispose]());

  /** Waits until the hub has read the commit and says something that fits. Gives all it says. */
  async function told(commit: string, pattern: RegExp): Promise<string> {
    return await eventually(
      async () => {
        const { head, problems } = await fleet.client.getFleet();
        const text = problems.map(formatProblem).join("\n");
        return head === commit && pattern.test(text) && text;
      },
      { what: `problems of ${commit.slice(0, 7)} like ${String(pattern)}` },
    );
  }

  async function colour(): Promise<string | undefined> {
    return (await read<LiveConfigMap>(fleet.member("prod").cluster, THEME)).data?.["colour"];
  }

  async function undo(): Promise<void> {
    const commit = await fleet.checkout.revert();
    await fleet.checkout.push();
    await fleet.applied(commit);
  }

  it("S3: an app whose chart does not render stays where it is, and the others move on", async () => {
    await editFile(fleet, "apps/mailer/chart/templates/configmap.yaml", {
      from: "{{ .Values.queue.name | quote }}",
      to: "{{ .Values.queue.name | quotes }}",
    });
    await editFile(fleet, "apps/banner/manifests/text.yaml", { from: "colour: teal", to: "colour: red" });
    const commit = await fleet.checkout.commit("feat: a template that does not parse");
    await fleet.checkout.push();
    await told(commit, /apps\/mailer\/chart\/templates\/configmap\.yaml.*quotes/s);
    await eventually(async () => (await colour()) === "red", { what: "the other app moved on" });
    const mailer = await fleet.client.getStatus({ type: "app", name: "mailer" });
    expect(mailer.rows[0]?.held).toContain("quotes");
    expect((await fleet.axle("status", "mailer")).code).toBe(1);
    await undo();
  });

  it("S3: an object that two apps declare for one cluster is refused, with both files named", async () => {
    const theme = `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: theme, namespace: banner }\ndata: { colour: blue }\n`;
    await fleet.checkout.write({ "apps/shop/base/theme.yaml": theme });
    await editFile(fleet, "apps/shop/base/kustomization.yaml", {
      from: "  - settings.yaml",
      to: "  - settings.yaml\n  - theme.yaml",
    });
    const commit = await fleet.checkout.commit("feat: a second theme");
    await fleet.checkout.push();
    const text = await told(commit, /ConfigMap banner\/theme/);
    expect(text).toContain("apps/banner/manifests/text.yaml");
    expect(text).toContain("apps/shop/");
    expect(await colour()).toBe("teal");
    await undo();
  });

  it("S3: two apps of one name refuse the commit, with both files named", async () => {
    const app = (path: string): string =>
      `apiVersion: axle.dev/v1\nkind: App\nmetadata: { name: twice }\nspec:\n  source: { path: ${path} }\n  clusters: { all: true }\n`;
    const commit = await fleet.checkout.publish(
      { "apps/one/app.yaml": app("./m"), "apps/two/app.yaml": app("./m"), "apps/one/m/extra.yaml": EXTRA },
      "feat: twice",
    );
    const text = await told(commit, /twice/);
    expect(text).toContain("apps/one/app.yaml");
    expect(text).toContain("apps/two/app.yaml");
    expect((await fleet.client.getFleet()).accepted).not.toBe(commit);
    await undo();
  });

  it("S3: a link that leaves the repository refuses the commit, and nothing of it is read", async () => {
    await symlink("/etc/hostname", join(fleet.checkout.directory, "apps/banner/manifests/host.yaml"));
    const commit = await fleet.checkout.commit("feat: look outside");
    await fleet.checkout.push();
    await told(commit, /apps\/banner\/manifests\/host\.yaml/);
    expect((await fleet.client.getFleet()).accepted).not.toBe(commit);
    expect((await fleet.axle("validate", fleet.checkout.directory)).code).not.toBe(0);
    await undo();
  });

  it("a selector that matches no cluster is a warning and holds nothing back", async () => {
    await editFile(fleet, "apps/banner/app.yaml", { from: "all: true", to: "matchLabels: { env: nowhere }" });
    const commit = await fleet.checkout.commit("feat: banner goes nowhere");
    await told((await fleet.checkout.push(), commit), /no cluster matches/);
    expect((await fleet.client.getFleet()).accepted).toBe(commit);
    expect(await exists(fleet.member("prod").cluster, THEME)).toBe(true);
    await undo();
  });

  it("S3: a rewritten history changes nothing until a person allows it", async () => {
    const before = await fleet.checkout.head();
    // Before the last change and its revert: the same files, another history.
    await fleet.checkout.git("reset", "--quiet", "--hard", "HEAD~2");
    await editFile(fleet, "apps/banner/manifests/text.yaml", { from: "colour: teal", to: "colour: green" });
    const rewritten = await fleet.checkout.commit("feat: another history");
    await fleet.checkout.push("--force");
    await told(rewritten, /rewritten/);
    expect((await fleet.client.getFleet()).accepted).toBe(before);
    expect(await colour()).toBe("teal");
    expect((await fleet.axle("approve", "--rewrite", rewritten, "--yes")).code).toBe(0);
    await eventually(async () => (await colour()) === "green", { what: "the rewritten head applied" });
  });
});
