import { eventually } from "@axle/testkit/eventually.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DesiredApp } from "../ports.ts";
import { ReconcileFixture, appOf, configMapOf, namespaceOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "unreadable" });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const REASON = "pack 0123 does not match its digest";

/** As an app whose new revision cannot be read: with the objects it had. */
function unreadable(app: DesiredApp): DesiredApp {
  return { ...app, revision: app.revision + 1, unreadable: [{ digest: "0123", reason: REASON }] };
}

test("S2: while a pack cannot be read its app stands still, the others go on, and nothing is deleted anywhere", async () => {
  await using agent = await ReconcileFixture.start(cluster);
  const web = appOf("web", [namespaceOf("one"), configMapOf("one/web"), configMapOf("one/moves")]);
  const api = (...names: string[]) =>
    appOf(
      "api",
      names.map((name) => configMapOf(`one/${name}`)),
      { dependsOn: ["web"] },
    );
  const free = (...names: string[]) =>
    appOf(
      "free",
      names.map((name) => configMapOf(`one/${name}`)),
    );
  const gone = appOf("gone", [configMapOf("one/gone")]);
  await agent.apply([web, api("api"), free("free", "left"), gone]);
  const there = async (name: string) => (await agent.get("v1", "ConfigMap", `one/${name}`)) !== undefined;

  const outcome = await agent.apply([unreadable(web), api("api"), free("free", "added", "moves")]);
  expect(outcome.applied).toBe(false);
  expect(agent.report("web")).toMatchObject({ sync: "Blocked", revision: 2 });
  expect(agent.report("web").message).toBe(`${REASON}; it is asked for again, and what is applied stays`);
  expect(agent.report("api")).toMatchObject({
    sync: "Blocked",
    message: "waits for app web: a pack of it cannot be read",
  });
  expect(agent.report("free")).toMatchObject({
    sync: "Applied",
    message: "1 object that left it is kept until every pack of app web can be read",
  });
  expect(agent.report("gone")).toMatchObject({
    sync: "Blocked",
    message: "kept until every pack of app web can be read",
  });
  expect(await Promise.all(["web", "moves", "added", "left", "gone"].map(there))).toEqual(Array(5).fill(true));
  expect(outcome.retry).not.toContain("web");

  await cluster.kubectl("delete", "configmap", "web", "--namespace=one");
  await eventually(async () => expect(await there("web")).toBe(true));

  const last = appOf("web", [namespaceOf("one"), configMapOf("one/web")], { revision: 2 });
  expect((await agent.apply([last, api("api"), free("free", "added", "moves")])).applied).toBe(true);
  expect(agent.report("free")).toMatchObject({ sync: "Applied", message: "" });
  await eventually(async () => {
    expect(await Promise.all(["web", "moves", "added", "left", "gone"].map(there))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});

test("S2: an agent that starts with a pack it cannot read deletes nothing of the app, and looks after the others", async () => {
  const [web, api] = [
    appOf("site", [namespaceOf("two"), configMapOf("two/web")]),
    appOf("feed", [configMapOf("two/api")]),
  ];
  {
    await using agent = await ReconcileFixture.start(cluster);
    await agent.apply([web, api]);
  }
  await using agent = await ReconcileFixture.start(cluster);
  await agent.apply([unreadable({ ...web, objects: [] }), { ...api, objects: [configMapOf("two/api", { v: "2" })] }]);
  expect(agent.report("site")).toMatchObject({ sync: "Blocked", objects: 2 });
  expect(agent.report("site").message).toContain(REASON);
  expect(agent.report("feed")).toMatchObject({ sync: "Applied" });
  expect((await agent.get("v1", "ConfigMap", "two/api"))?.["data"]).toEqual({ v: "2" });
  expect(await agent.get("v1", "ConfigMap", "two/web")).toBeDefined();
  expect((await agent.apply([web, { ...api, objects: [configMapOf("two/api", { v: "2" })] }])).applied).toBe(true);
  expect(agent.report("site")).toMatchObject({ sync: "Applied", objects: 2 });
});
