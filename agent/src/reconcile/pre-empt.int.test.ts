import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DesiredApp } from "../ports.ts";
import { ReconcileFixture, appOf, configMapOf, deploymentOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "pre-empt" });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

test("a newer slice ends the wait for a revision that never becomes healthy", async () => {
  await using agent = await ReconcileFixture.start(cluster);
  const newer = new AbortController();
  const stuck = { ...deploymentOf("default/web"), metadata: { name: "web", namespace: "default" } };
  const unschedulable = JSON.parse(
    JSON.stringify(stuck).replace('"containers"', '"nodeSelector":{"no":"such"},"containers"'),
  );
  const waiting = agent.reconciler.reconcile(
    agent.slice([appOf("web", [unschedulable], { timeoutMs: 100_000 })], { number: { epoch: 1, n: 1 } }),
    newer.signal,
  );
  await eventually(() => agent.report("web").sync === "Applied" && agent.report("web").health === "Progressing");
  newer.abort(new Error("a newer slice"));
  await expect(waiting).rejects.toThrow("a newer slice");
  expect(await agent.apply([appOf("web", [stuck], { revision: 2 })])).toEqual({ applied: true, retry: [] });
  expect(agent.report("web")).toMatchObject({ sync: "Applied", health: "Healthy", revision: 2 });
});

/** One slice of the race: what of it never gets healthy, what is in it, how long it has before the next one comes. */
const sliceOf = fc.record({
  stuck: fc.boolean(),
  extra: fc.boolean(),
  wave: fc.boolean(),
  lastsMs: fc.integer({ min: 0, max: 250 }),
});
type RaceSlice = typeof sliceOf extends fc.Arbitrary<infer T> ? T : never;

function appsOf({ stuck, extra, wave }: RaceSlice, turn: number): readonly DesiredApp[] {
  const web: KubeObject = deploymentOf("default/race", { image: `registry.example/race:${turn}` });
  const unschedulable = JSON.stringify(web).replace('"containers"', '"nodeSelector":{"no":"such"},"containers"');
  const base = stuck ? (JSON.parse(unschedulable) as KubeObject) : web;
  const late = configMapOf("default/race-late", { turn: `${turn}` });
  const waved = { ...late, metadata: { ...late.metadata, annotations: { "axle.dev/wave": "1" } } };
  const options = { revision: turn, timeoutMs: 60_000 };
  return [
    appOf("race-base", [base, wave ? waved : late], options),
    appOf("race-next", [configMapOf("default/race-next", { turn: `${turn}` })], {
      ...options,
      dependsOn: ["race-base"],
    }),
    appOf("race-rest", [
      ...Array.from({ length: 8 }, (_, index) => configMapOf(`default/race-${index}`)),
      ...(extra ? [configMapOf("default/race-extra", { turn: `${turn}` })] : []),
    ]),
  ];
}

test("L1: whatever a pass waits for, a newer slice ends it at once, and after any row of slices the last one holds", async () => {
  await using agent = await ReconcileFixture.start(cluster);
  let n = 100;
  await fc.assert(
    fc.asyncProperty(fc.array(sliceOf, { minLength: 2, maxLength: 6 }), async (slices) => {
      const last: RaceSlice = { ...(slices.at(-1) ?? { wave: false, extra: false }), stuck: false, lastsMs: 0 };
      for (const slice of slices) {
        n += 1;
        const newer = new AbortController();
        const desired = agent.slice(appsOf(slice, n), { number: { epoch: 1, n } });
        const pass = agent.reconciler.reconcile(desired, newer.signal).catch((error: unknown) => error);
        await delay(slice.lastsMs);
        newer.abort(new Error("a newer slice"));
        const abortedAtMs = performance.now();
        await pass;
        expect(performance.now() - abortedAtMs).toBeLessThan(2_000);
      }
      n += 1;
      const desired = agent.slice(appsOf(last, n), { number: { epoch: 1, n } });
      expect(await agent.reconciler.reconcile(desired, agent.signal)).toEqual({ applied: true, retry: [] });
      const dataOf = async (name: string) => (await agent.get("v1", "ConfigMap", `default/${name}`))?.["data"];
      expect(await dataOf("race-late")).toEqual({ turn: `${n}` });
      expect(await dataOf("race-next")).toEqual({ turn: `${n}` });
      expect(await dataOf("race-extra")).toEqual(last.extra ? { turn: `${n}` } : undefined);
      expect(agent.report("race-base")).toMatchObject({ sync: "Applied", health: "Healthy", revision: n });
    }),
    { numRuns: 12 },
  );
}, 120_000);

test("an app that is not healthy in time counts as failed until it is", async () => {
  await using agent = await ReconcileFixture.start(cluster);
  await cluster.kubectl("cordon", "node-1");
  const outcome = await agent.apply([appOf("late", [deploymentOf("default/late")], { timeoutMs: 1_000 })]);
  expect(outcome).toEqual({ applied: true, retry: ["late"] });
  expect(agent.report("late")).toMatchObject({ sync: "Failed", health: "Progressing" });
  expect(agent.report("late").message).toMatch(/^not healthy within 1 s: Deployment default\/late: /);
  await cluster.kubectl("uncordon", "node-1");
  await eventually(() => agent.report("late").sync === "Applied", { timeoutMs: 30_000 });
});
