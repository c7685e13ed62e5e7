import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { FleetStand } from "./fleet-stand.ts";
import { exists, namespacePath, read } from "./live-objects.ts";

const SET = "/apis/apps/v1/namespaces/ledger/statefulsets/ledger";
const MANIFESTS = "apps/ledger/manifests/ledger.yaml";

const APP = `apiVersion: axle.dev/v1
kind: App
metadata: { name: ledger }
spec:
  source: { path: ./manifests }
  clusters: { all: true }
  sync: { force: true }
`;
const NAMESPACE = `apiVersion: v1
kind: Namespace
metadata: { name: ledger }
`;
const setOf = (serviceName: string) => `---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: ledger, namespace: ledger }
spec:
  serviceName: ${serviceName}
  replicas: 0
  selector: { matchLabels: { app: ledger } }
  template:
    metadata: { labels: { app: ledger } }
    spec: { containers: [{ name: ledger, image: registry.example/ledger:1 }] }
`;

/** What waits in a cluster is let pass by a person at the hub, from one end to the other. */
describe.sequential("a person's yes", () => {
  let fleet: FleetStand;

  beforeAll(async () => {
    fleet = await FleetStand.start({ clusters: ["prod"] });
    await fleet.applied(await fleet.checkout.head(), { timeoutMs: 60_000 });
  });

  afterEach(({ task }) => {
    if (task.result?.state === "fail") console.log(fleet.logs());
  });

  afterAll(() => fleet[Symbol.asyncDispose]());

  const publish = (manifests: string, message: string) =>
    fleet.checkout.publish({ "apps/ledger/app.yaml": APP, [MANIFESTS]: manifests }, message);
  const waiting = () =>
    eventually(async () => {
      const found = (await fleet.client.listPendingDeletions()).find(({ app }) => app === "ledger");
      return found ?? false;
    });

  it("S4: lets an object that holds data be made anew, once, and nothing before", async () => {
    await fleet.applied(await publish(NAMESPACE + setOf("one"), "feat: a ledger"));
    const { cluster } = fleet.member("prod");
    const before = (await read(cluster, SET)).metadata.uid;
    const commit = await publish(NAMESPACE + setOf("two"), "feat: another service");
    const { deletion } = await waiting();
    expect(deletion.reason).toContain("StatefulSet ledger/ledger would be deleted and made anew");
    expect((await fleet.axle("approve")).stdout).toContain("StatefulSet");
    expect((await read(cluster, SET)).metadata.uid).toBe(before);
    expect((await fleet.axle("approve", deletion.hash, "--yes")).code).toBe(0);
    await fleet.applied(commit);
    expect((await read(cluster, SET)).metadata.uid).not.toBe(before);
    await eventually(async () => (await fleet.client.listPendingDeletions()).length === 0);
  });

  it("S4: lets a namespace go with what is in it", async () => {
    const commit = await fleet.checkout.publish({ "apps/ledger": null }, "feat: no ledger");
    await waiting();
    const { cluster } = fleet.member("prod");
    expect(await exists(cluster, namespacePath("ledger"))).toBe(true);
    expect((await fleet.axle("approve", "--app", "ledger", "--yes")).code).toBe(0);
    await eventually(async () => !(await exists(cluster, namespacePath("ledger"))), { timeoutMs: 60_000 });
    await fleet.applied(commit);
    await eventually(async () => (await fleet.client.listPendingDeletions()).length === 0);
  });
});
