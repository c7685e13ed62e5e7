import { status } from "@grpc/grpc-js";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { neverAborts } from "../nats/test-fleet.ts";
import { TestFront } from "./test-front.ts";

describe("a session", () => {
  let hub: TestFront;

  beforeAll(async () => {
    hub = await TestFront.start();
  });

  afterAll(async () => {
    await hub[Symbol.asyncDispose]();
  });

  async function joined(name: string) {
    const agent = await hub.newAgent();
    await agent.join(await hub.createToken({ name }));
    return agent;
  }

  const freshnessOf = (clusterId: string) => hub.view.freshnessOf(clusterId);

  test("S6: is refused without a client certificate, and with one of a registration that is revoked", async () => {
    const stranger = await hub.newAgent();
    const stream = stranger.connect();
    stream.hello();
    expect(await stream.ended).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining("valid client certificate"),
    });

    const agent = await joined("revoked");
    const open = await agent.connectWelcomed();
    const entry = await hub.clusters.get(agent.clusterId, neverAborts);
    if (entry === undefined) throw new Error("not stored");
    const change = { value: { ...entry.value, state: "revoked" as const }, revision: await settled(agent.clusterId) };
    await hub.clusters.update(agent.clusterId, change, neverAborts);
    expect(await open.ended).toMatchObject({ code: status.PERMISSION_DENIED });
    const again = agent.connect();
    again.hello();
    expect(await again.ended).toMatchObject({
      code: status.PERMISSION_DENIED,
      details: expect.stringContaining("revoked"),
    });
  });

  test("S6: is refused with a certificate that expired, and works again once that is renewed", async () => {
    hub.aheadMs = -72 * 60 * 60_000;
    const agent = await joined("expired");
    hub.aheadMs = 0;
    const expired = agent.connect();
    expired.hello();
    expect(await expired.ended).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining("renew"),
    });
    await agent.renew();
    await agent.connectWelcomed();
  });

  /** The revision once the facts of the hello are in. */
  const settled = (clusterId: string) =>
    eventually(async () => {
      const entry = await hub.clusters.get(clusterId, neverAborts);
      return entry?.value.facts.nodes === 2 ? entry.revision : false;
    });

  test("begins with hello and welcome, which brings credentials, the key set and what the agent should be on", async () => {
    const agent = await joined("welcome");
    hub.shelf.numbers.set(agent.clusterId, { epoch: 1, n: 7 });
    const stream = agent.connect();
    stream.hello();
    expect(await stream.next("welcome")).toMatchObject({
      protocol: 1,
      clusterName: "welcome",
      hubVersion: "0.1.0-test",
      nats: { creds: expect.stringContaining("NATS USER JWT") },
      keySet: { version: 1 },
      expected: { epoch: 1n, n: 7n },
    });
    hub.shelf.publish(agent.clusterId, { epoch: 1, n: 8 });
    expect(await stream.next("expected")).toEqual({ number: { epoch: 1n, n: 8n } });
    await settled(agent.clusterId);
    expect(freshnessOf(agent.clusterId).online).toBe(true);

    const early = (await joined("early")).connect();
    early.report(1);
    expect(await early.ended).toMatchObject({ code: status.INVALID_ARGUMENT, details: "expected hello, got report" });
  });

  test("S10: a report is acknowledged once it is stored, and survives the hub", async () => {
    const agent = await joined("reports");
    const stream = await agent.connectWelcomed(5);
    stream.report(1, {
      apps: [
        { app: "web", revision: 1 },
        { app: "db", revision: 1 },
      ],
    });
    expect(await stream.next("reportAck")).toEqual({ number: 1n });
    stream.report(2, { apps: [{ app: "web", revision: 2 }], applied: true, slice: { epoch: 1, n: 3 } });
    expect(await stream.next("reportAck")).toEqual({ number: 2n });

    const afterCrash = await hub.openViewElsewhere();
    const status = afterCrash.statusOf(agent.clusterId);
    expect(status).toMatchObject({ incarnation: 5, reportNumber: 2, online: false, applied: { epoch: 1, n: 3 } });
    expect(Object.values(status.apps).map(({ app, revision }) => [app, revision])).toEqual([
      ["web", 2],
      ["db", 1],
    ]);
    const { sinceMs, lastHeardMs } = afterCrash.freshnessOf(agent.clusterId);
    expect(sinceMs).toBe(lastHeardMs);

    await hub.stop();
    expect(await stream.ended).toMatchObject({ code: 14, details: "the hub is stopping" });
    await hub.startHub();
    expect(freshnessOf(agent.clusterId).online).toBe(false);
    await agent.connectWelcomed(5);
    expect(freshnessOf(agent.clusterId).online).toBe(true);
  });

  test("S9: reports count in their order only: one out of order or after a gap ends the session", async () => {
    const agent = await joined("order");
    const delta = await agent.connectWelcomed(1);
    delta.report(1, { full: false });
    expect(await delta.ended).toMatchObject({
      code: status.ABORTED,
      details: expect.stringContaining("has to be whole"),
    });

    const gap = await agent.connectWelcomed(1);
    gap.report(4, { full: true });
    await gap.next("reportAck");
    gap.report(6);
    expect(await gap.ended).toMatchObject({ code: status.ABORTED, details: expect.stringContaining("5 is missing") });

    const back = await agent.connectWelcomed(1);
    back.report(7, { full: true });
    await back.next("reportAck");
    back.report(7, { full: true });
    expect(await back.ended).toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  test("a newer connection of the agent replaces the older; an older start does not replace a newer that is alive", async () => {
    const agent = await joined("twice");
    const first = await agent.connectWelcomed(10);
    const second = await agent.connectWelcomed(11);
    expect(await first.ended).toMatchObject({ code: status.ABORTED, details: expect.stringContaining("took over") });
    expect(freshnessOf(agent.clusterId).online).toBe(true);
    const older = agent.connect();
    older.hello(10);
    expect(await older.ended).toMatchObject({ code: status.ABORTED, details: expect.stringContaining("newer start") });
    second.report(1);
    await second.next("reportAck");
  });

  test("S8: a cluster is offline the moment its connection is cut", async () => {
    const agent = await joined("cut");
    const stream = await agent.connectWelcomed();
    expect(freshnessOf(agent.clusterId).online).toBe(true);
    const beforeMs = hub.now();
    stream.call.cancel();
    await eventually(() => !freshnessOf(agent.clusterId).online);
    expect(freshnessOf(agent.clusterId).sinceMs).toBeGreaterThanOrEqual(beforeMs);
    const { clusters } = hub.api.listClusters({ selector: "", page: { size: 0, token: "" } });
    expect(clusters.find(({ name }) => name === "cut")).toMatchObject({
      health: "Unknown",
      message: expect.stringMatching(/^offline since /),
    });
  });

  test("S8: a half-open connection counts as offline 45 s after its last word", async () => {
    const agent = await joined("silent");
    const stream = await agent.connectWelcomed();
    hub.aheadMs = 44_000;
    stream.call.write({ message: { $case: "heartbeat", value: { sentAtMs: 1n, hubAtMs: 0n, facts: undefined } } });
    expect(await stream.next("heartbeatReply")).toMatchObject({ sentAtMs: 1n });
    hub.aheadMs = 90_000;
    expect(await stream.ended).toMatchObject({ code: status.DEADLINE_EXCEEDED });
    expect(freshnessOf(agent.clusterId).online).toBe(false);
    hub.aheadMs = 0;
  });

  test("renews credentials, for the same key only", async () => {
    const agent = await joined("renews");
    const stream = await agent.connectWelcomed();
    stream.call.write({ message: { $case: "renewal", value: { csrPem: "" } } });
    expect(await stream.next("renewal")).toMatchObject({ certificatePem: "", nats: { creds: expect.anything() } });
    stream.call.write({ message: { $case: "renewal", value: { csrPem: agent.csrPem } } });
    expect((await stream.next("renewal")).certificatePem).toContain("BEGIN CERTIFICATE");
    const other = await hub.newAgent();
    stream.call.write({ message: { $case: "renewal", value: { csrPem: other.csrPem } } });
    expect(await stream.ended).toMatchObject({ code: status.PERMISSION_DENIED });
  });

  test("rebuilds a registration the store lost from the agent's certificate", async () => {
    const agent = await joined("rebuilt");
    await hub.clusters.delete(agent.clusterId, neverAborts);
    const stream = await agent.connectWelcomed();
    stream.report(1);
    await stream.next("reportAck");
    const entry = await hub.clusters.get(agent.clusterId, neverAborts);
    expect(entry?.value).toMatchObject({ name: "rebuilt", labels: { env: "prod" }, state: "active" });
  });
});
