import type { Hello } from "@axle/core/session/messages.ts";
import type { AppReport, ClusterReport } from "@axle/core/status/report.ts";
import { silentLogger } from "@axle/runtime/logger.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { registryStores } from "../adapters/nats/registry-stores.ts";
import { neverAborts, TestFleet } from "../adapters/nats/test-fleet.ts";
import type { ClusterStatus, KeyedStore } from "../registry-ports.ts";
import { FleetView } from "./fleet-view.ts";

const hello: Hello = {
  type: "hello",
  protocol: 1,
  agentVersion: "0.1.0",
  incarnation: 1,
  accepted: undefined,
  sliceFormats: [1],
  facts: { kubernetesVersion: "", provider: "", nodes: 0, apiVersions: [] },
};

function reportOf(number: number): ClusterReport {
  const rest = { message: "", health: undefined, healthMessage: "", objects: 1, drifts: [], pruning: [] };
  const app: AppReport = { app: `app-${number}`, revision: 1, commit: "c", sync: "Applied", ...rest };
  const nothing = { slice: undefined, applied: false, removed: [], timings: [], refusal: "" };
  return { number, full: number === 1, apps: [app], ...nothing };
}

describe("the view of the fleet", () => {
  let fleet: TestFleet;
  let statuses: KeyedStore<ClusterStatus>;
  let writes: number;
  let view: FleetView;
  let stop: AbortController;
  let running: Promise<void>;

  beforeAll(async () => {
    fleet = await TestFleet.start();
    statuses = registryStores(await fleet.connect()).statuses;
  });

  afterAll(async () => {
    await fleet[Symbol.asyncDispose]();
  });

  beforeEach(() => {
    writes = 0;
    const counted: KeyedStore<ClusterStatus> = {
      get: (key, signal) => statuses.get(key, signal),
      list: (signal) => statuses.list(signal),
      put: (key, value, signal) => statuses.put(key, value, signal),
      delete: (key, signal) => statuses.delete(key, signal),
      watch: (signal) => statuses.watch(signal),
      create(key, value, signal) {
        writes += 1;
        return statuses.create(key, value, signal);
      },
      update(key, change, signal) {
        writes += 1;
        return statuses.update(key, change, signal);
      },
    };
    view = new FleetView({ statuses: counted, now: Date.now, log: silentLogger });
    stop = new AbortController();
    running = view.run(stop.signal);
  });

  afterEach(async () => {
    stop.abort();
    await running;
  });

  test("S10: takes every report in only once it is stored, many of them with one write", async () => {
    view.opened("c-many", hello);
    const stored = Array.from({ length: 200 }, (_, index) => view.record("c-many", reportOf(index + 1)));
    await stored[0];
    expect((await statuses.get("c-many", neverAborts))?.value.reportNumber).toBeGreaterThanOrEqual(1);
    await Promise.all(stored);
    const entry = await statuses.get("c-many", neverAborts);
    expect(entry?.value.reportNumber).toBe(200);
    expect(Object.keys(entry?.value.apps ?? {})).toHaveLength(200);
    expect(writes).toBeLessThan(10);
  });

  test("S9: never writes over what another replica stored for a later word of the agent", async () => {
    view.opened("c-moved", hello);
    await view.record("c-moved", reportOf(1));
    const entry = await statuses.get("c-moved", neverAborts);
    if (entry === undefined) throw new Error("not stored");
    await statuses.put("c-moved", { ...entry.value, incarnation: 2, reportNumber: 1 }, neverAborts);
    await expect(view.record("c-moved", reportOf(2))).rejects.toMatchObject({ code: "aborted" });
    expect((await statuses.get("c-moved", neverAborts))?.value.incarnation).toBe(2);
  });

  test("stores on top of an own write whose answer was lost", async () => {
    view.opened("c-lost", hello);
    await view.record("c-lost", reportOf(1));
    const entry = await statuses.get("c-lost", neverAborts);
    if (entry === undefined) throw new Error("not stored");
    await statuses.put("c-lost", entry.value, neverAborts);
    await view.record("c-lost", reportOf(2));
    expect((await statuses.get("c-lost", neverAborts))?.value.reportNumber).toBe(2);
  });
});
