import { RegistrationClient } from "@axle/agent/adapters/grpc/registration-client.ts";
import { SessionClient } from "@axle/agent/adapters/grpc/session-client.ts";
import { Credentials } from "@axle/agent/join/credentials.ts";
import { joinHub } from "@axle/agent/join/join.ts";
import { ReportBook } from "@axle/agent/report-book.ts";
import { TestFront } from "@axle/hub/adapters/grpc/test-front.ts";
import { silentLogger } from "@axle/runtime/logger.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";

const HOUR_MS = 3_600_000;
const FACTS = { kubernetesVersion: "v1.37.0", provider: "", nodes: 1, apiVersions: ["v1/Pod"] };

let hub: TestFront;
beforeAll(async () => {
  hub = await TestFront.start();
});
afterAll(async () => {
  await hub[Symbol.asyncDispose]();
});

/** An agent with this machine's clock, in session with the hub. */
async function startAgent(name: string) {
  const store = { load: async () => undefined, save: async () => undefined };
  const connect: Parameters<typeof joinHub>[0]["connect"] = (endpoint) => new RegistrationClient(endpoint);
  const describeCluster = async () => ({ kubeSystemUid: "", facts: FACTS });
  const token = await hub.createToken({ name });
  const joining = { store, token, name: "", agentVersion: "0.1.0", connect, describeCluster, log: silentLogger };
  const identity = await joinHub(joining, AbortSignal.timeout(20_000));
  const book: ReportBook = new ReportBook(() => session.changed());
  const session: SessionClient = new SessionClient({
    credentials: new Credentials(identity, { store, connect, onNatsAccess: () => undefined, log: silentLogger }),
    book,
    agentVersion: "0.1.0",
    incarnation: 1,
    instance: "start 1",
    isSure: () => true,
    accepted: () => undefined,
    facts: () => FACTS,
    handlers: { expect: () => undefined, syncNow: () => undefined, refused: () => undefined },
    log: silentLogger,
  });
  const stop = new AbortController();
  const running = session.run(stop.signal);
  const finish = async () => {
    stop.abort();
    await running;
  };
  onTestFinished(finish);
  return { session, book, id: identity.registered.clusterId, finish };
}

describe.each([
  ["an hour ahead of", HOUR_MS],
  ["an hour behind", -HOUR_MS],
])("a hub whose clock is %s the agent's", (place, aheadMs) => {
  it("S8: tells by its own clock when it heard the agent, and when that went away", async () => {
    hub.aheadMs = aheadMs;
    const fromMs = hub.now();
    const { session, book, id, finish } = await startAgent(`fresh-${aheadMs > 0 ? "ahead" : "behind"}`);
    await eventually(() => expect(session.isLive).toBe(true));
    const number = { epoch: 1, n: 1 };
    book.begin({ number, apps: [], approvals: [], deletionHolds: [] }, { isNew: true });
    book.step(number, "applied", Date.now());
    await eventually(() => expect(hub.view.statusOf(id).timings).toHaveLength(1));
    const { online, lastHeardMs, sinceMs } = hub.view.freshnessOf(id);
    expect(online).toBe(true);
    for (const atMs of [lastHeardMs, sinceMs]) {
      expect(atMs).toBeGreaterThanOrEqual(fromMs);
      expect(atMs).toBeLessThanOrEqual(hub.now());
    }
    // Steps the agent took are told on the hub's clock; a heartbeat measures it to within half its way.
    const appliedMs = hub.view.statusOf(id).timings[0]?.steps.applied ?? 0;
    expect(Math.abs(appliedMs - hub.now()), place).toBeLessThan(30_000);
    expect(Math.abs(session.hubNowMs() - hub.now())).toBeLessThan(5_000);
    await finish();
    await eventually(() => expect(hub.view.freshnessOf(id).online).toBe(false));
    expect(hub.view.freshnessOf(id).sinceMs).toBeGreaterThanOrEqual(lastHeardMs);
    expect(hub.view.freshnessOf(id).sinceMs).toBeLessThanOrEqual(hub.now());
  });
});
