import { randomInt } from "node:crypto";
import { env } from "node:process";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FaultyWorld, stateOf } from "./faulty-world.test-support.ts";
import { SeededRandom } from "./random-fleet.test-support.ts";
import { ReconcileFixture } from "./reconcile-fixture.ts";

const STEPS = Number(env["AXLE_TEST_STEPS"] ?? 40);
const SEED = Number(env["AXLE_TEST_SEED"] ?? randomInt(2 ** 31));

let faulty: KubeCluster;
let clean: KubeCluster;
beforeAll(async () => {
  faulty = await KubeCluster.start({ name: "faulty", workloads: false });
  clean = await KubeCluster.start({ name: "clean", workloads: false });
}, 120_000);
afterAll(async () => {
  await faulty?.[Symbol.asyncDispose]();
  await clean?.[Symbol.asyncDispose]();
});

test("S2: whatever breaks on the way, nothing declared is deleted, and the end is that of a clean apply", async () => {
  try {
    await using world = await FaultyWorld.start(faulty, new SeededRandom(SEED));
    for (let step = 1; step <= STEPS; step += 1) {
      if (step === Math.ceil(STEPS / 2)) await world.killApiServer();
      await world.step();
    }
    const apps = await world.settle();
    await using agent = await ReconcileFixture.start(clean);
    expect(await agent.apply(apps)).toEqual({ applied: true, retry: [] });
    expect(world.wrongDeletions).toEqual([]);
    expect(await stateOf(faulty)).toEqual(await stateOf(clean));
    expect(await world.foreign()).toEqual(world.foreignBefore);
  } catch (cause) {
    // The same faults come with the same seed, as far as the order of requests is the same.
    throw new Error(`AXLE_TEST_SEED=${SEED} AXLE_TEST_STEPS=${STEPS}: ${String(cause)}`, { cause });
  }
}, 400_000);
