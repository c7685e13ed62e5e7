import { rm } from "node:fs/promises";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keyClaim } from "../../join/claim-book.ts";
import { registryStores } from "../nats/registry-stores.ts";
import { AUDIT_STREAM } from "../nats/subjects.ts";
import { neverAborts as signal } from "../nats/test-fleet.ts";
import type { TestAgent } from "./test-agent.ts";
import { TestFront } from "./test-front.ts";

let hub: TestFront;

beforeAll(async () => {
  hub = await TestFront.start();
});
afterAll(async () => {
  await hub[Symbol.asyncDispose]();
});

async function joined(name: string): Promise<{ agent: TestAgent; creds: string }> {
  const agent = await hub.newAgent();
  const { nats } = await agent.join(await hub.createToken({ name }));
  return { agent, creds: nats?.creds ?? "" };
}

async function registrationOf(clusterId: string) {
  return (await hub.clusters.get(clusterId, signal))?.value;
}

/** Ids of those that wait under a name. */
async function waitingAs(wanted: string): Promise<readonly string[]> {
  const all = [...(await hub.clusters.list(signal)).values()].map(({ value }) => value);
  return all.filter(({ state, name }) => state === "pending" && name === wanted).map(({ id }) => id);
}

function viewOf(name: string) {
  const { clusters } = hub.api.listClusters({ selector: "", page: { size: 0, token: "" } });
  return clusters.find((cluster) => cluster.name === name);
}

/** Actions that were recorded about a cluster, oldest first. */
async function auditOf(name: string): Promise<readonly string[]> {
  const { jsm } = await hub.fleet.connect();
  const { state } = await jsm.streams.info(AUDIT_STREAM);
  const actions: string[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
    const message = await jsm.streams.getMessage(AUDIT_STREAM, { seq });
    const entry = message?.json<{ action: string; subject: string }>();
    if (entry?.subject === name) actions.push(entry.action);
  }
  return actions;
}

const keep = (cluster: string) => ({ cluster, mode: "keep", now: false, ttlMs: 0 });

describe("a cluster that is told to leave", () => {
  test("is leaving, never well, until its agent says it has left; then nothing of it is left but its key", async () => {
    const { agent, creds } = await joined("leaver");
    const stream = await agent.connectWelcomed();
    stream.report(1, { apps: [{ app: "shop", revision: 1 }], applied: true, slice: { epoch: 1, n: 1 } });
    await stream.next("reportAck");
    const answer = await hub.api.clusters.forget(keep("leaver"), "ann", signal);
    expect(answer).toMatchObject({ name: "leaver", state: "leaving" });
    await eventually(() => viewOf("leaver")?.state === "leaving");
    expect(viewOf("leaver")).toMatchObject({ sync: "Applying", message: expect.stringContaining("leaving since") });

    const order = (await registrationOf(agent.clusterId))?.leaving?.id ?? "";
    stream.report(2, { left: { order: "another order", what: "" } });
    await stream.next("reportAck");
    expect(await registrationOf(agent.clusterId)).toMatchObject({ state: "active" });
    stream.report(3, { left: { order, what: "12 objects let go" } });
    await stream.next("reportAck");
    expect(await stream.ended).toMatchObject({ code: status.PERMISSION_DENIED });
    expect(await registrationOf(agent.clusterId)).toMatchObject({
      state: "revoked",
      forgotten: { by: "ann", what: "12 objects let go" },
    });
    expect(viewOf("leaver")).toBeUndefined();
    await eventually(async () => !(await hub.openViewElsewhere()).statuses().has(agent.clusterId));
    await expect(hub.fleet.connectAgent(agent.clusterId, creds)).rejects.toThrow(/authorization/i);
    expect(await auditOf("leaver")).toEqual(["cluster.join", "cluster.forget", "cluster.left"]);
  });

  test("S6: does not come back by its certificate or its key, and its name is free for a new one", async () => {
    const { agent } = await joined("again");
    await hub.api.clusters.forget({ ...keep("again"), now: true }, "ann", signal);
    const stream = agent.connect();
    stream.hello();
    expect(await stream.ended).toMatchObject({ details: expect.stringContaining("taken out of the fleet") });
    await expect(agent.renew()).rejects.toMatchObject({ details: expect.stringContaining("taken out") });
    const token = await hub.createToken({ name: "again" });
    await expect(agent.register(token)).rejects.toMatchObject({ details: expect.stringContaining("its key") });
    const successor = await hub.newAgent();
    const registered = await eventually(() => successor.join(token));
    expect(registered.clusterId).not.toBe(agent.clusterId);
    await hub.fleet.connectAgent(registered.clusterId, registered.nats?.creds);
  });

  test("stays when that is taken back in time, and of two people one is told what the other did", async () => {
    const { agent } = await joined("undecided");
    const orders = [keep("undecided"), { ...keep("undecided"), mode: "delete" }];
    const outcomes = await Promise.allSettled(orders.map((order) => hub.api.clusters.forget(order, "ann", signal)));
    expect(outcomes.map((outcome) => outcome.status).toSorted()).toEqual(["fulfilled", "rejected"]);
    await hub.api.clusters.cancelForget("undecided", "bob", signal);
    expect((await registrationOf(agent.clusterId))?.leaving).toBeUndefined();
    await expect(hub.api.clusters.cancelForget("undecided", "bob", signal)).rejects.toThrow(/not leaving/);
    expect((await auditOf("undecided")).slice(1)).toEqual(["cluster.forget", "cluster.forget-cancel"]);
  });

  test("S10: a hub killed after the agent's last word finishes at its next start", async () => {
    const { agent, creds } = await joined("killed");
    const stream = await agent.connectWelcomed();
    await hub.api.clusters.forget(keep("killed"), "ann", signal);
    const order = (await registrationOf(agent.clusterId))?.leaving?.id ?? "";
    await hub.stop();
    const before = await hub.openViewElsewhere();
    const writing = new AbortController();
    const run = before.run(writing.signal);
    const report = { number: 1, full: true, slice: undefined, applied: false, apps: [], removed: [], timings: [] };
    await before.record(agent.clusterId, { ...report, refusal: "", left: { order, what: "done" } });
    writing.abort();
    await run;
    stream.call.cancel();
    await hub.startHub();
    await eventually(async () => (await registrationOf(agent.clusterId))?.forgotten?.what === "done");
    await eventually(async () => !(await hub.openViewElsewhere()).statuses().has(agent.clusterId));
    await eventually(() => expect(hub.fleet.connectAgent(agent.clusterId, creds)).rejects.toThrow(/authorization/i));
  });
});

describe("a cluster that is revoked", () => {
  test("S6: is cut off at once, for good over a restart of the server that forgets it all, and comes back only by a person's word", async () => {
    const { agent, creds } = await joined("thief");
    const nc = await hub.fleet.connectAgent(agent.clusterId, creds);
    const isCut = nc.status()[Symbol.asyncIterator]().next();
    const stream = await agent.connectWelcomed();
    await hub.api.clusters.revoke("thief", "ann", signal);
    expect(await stream.ended).toMatchObject({ code: status.PERMISSION_DENIED });
    await isCut;
    await nc.close();
    expect(viewOf("thief")).toMatchObject({ state: "revoked", sync: "Blocked", health: "Unknown" });
    await hub.fleet.stopServer();
    await hub.fleet.startServer();
    await expect(hub.fleet.connectAgent(agent.clusterId, creds)).rejects.toThrow(/authorization/i);

    await hub.fleet.stopServer();
    await rm(join(hub.fleet.dataDir, "claims"), { recursive: true });
    await hub.fleet.startServer();
    await eventually(() => expect(hub.fleet.connectAgent(agent.clusterId, creds)).rejects.toThrow(/authorization/i));

    const token = await hub.createToken({ name: "thief" });
    await expect(agent.register(token)).rejects.toMatchObject({ details: expect.stringContaining("revoked") });
    const successor = await hub.newAgent();
    const { outcome } = await successor.register(token);
    expect(outcome).toMatchObject({
      value: { reason: expect.stringContaining('"thief" was revoked with another key') },
    });
    await hub.api.admitCluster("thief", "ann", signal);
    const registered = await successor.join(token);
    expect(registered.clusterId).toBe(agent.clusterId);
    await hub.fleet.connectAgent(agent.clusterId, registered.nats?.creds);
    await expect(hub.fleet.connectAgent(agent.clusterId, creds)).rejects.toThrow(/authorization/i);
    await eventually(() => viewOf("thief")?.state === "active");
  });
});

describe("a cluster that is replaced", () => {
  test("S6: the former agent's access is void, and its session ends", async () => {
    const { agent, creds } = await joined("rebuilt");
    const stream = await agent.connectWelcomed();
    const successor = await hub.newAgent();
    const token = await hub.createToken({ name: "rebuilt" });
    await successor.register(token);
    const [pending = ""] = await waitingAs("rebuilt");
    await hub.api.admitCluster(pending, "ann", signal);
    expect(await stream.ended).toMatchObject({ details: expect.stringContaining("another key") });
    await eventually(() => expect(hub.fleet.connectAgent(agent.clusterId, creds)).rejects.toThrow(/authorization/i));
    const registered = await successor.join(token);
    await hub.fleet.connectAgent(agent.clusterId, registered.nats?.creds);
    expect(await auditOf("rebuilt")).toContain("cluster.replace");
  });

  test("an agent that comes to a known Kubernetes cluster under another name works under the name that is known", async () => {
    const first = await hub.newAgent();
    await first.register(await hub.createToken({ name: "known" }), "known", "uid-1");
    const successor = await hub.newAgent();
    const token = await hub.createToken({ name: "other-*" });
    await successor.register(token, "other-name", "uid-1");
    await hub.api.admitCluster("other-name", "ann", signal);
    expect(await successor.join(token, "other-name")).toMatchObject({ name: "known" });
  });

  test("S6: a former key gets nothing, though a hub that died left its claim behind", async () => {
    const { agent } = await joined("stale");
    const { keyFingerprint } = (await registrationOf(agent.clusterId)) ?? { keyFingerprint: "" };
    const successor = await hub.newAgent();
    await successor.register(await hub.createToken({ name: "stale" }));
    await hub.api.admitCluster("stale", "ann", signal);
    const { claims } = registryStores(await hub.fleet.connect());
    await claims.put(keyClaim(keyFingerprint), { clusterId: agent.clusterId, atMs: 0 }, signal);
    await expect(agent.register(await hub.createToken({ name: "stale" }))).rejects.toMatchObject({
      code: status.PERMISSION_DENIED,
      details: expect.stringContaining("bound to another key"),
    });
  });

  test("of two people who let two agents into one place the second is told that it is taken", async () => {
    await joined("contested");
    const [one, other] = [await hub.newAgent(), await hub.newAgent()];
    for (const agent of [one, other]) await agent.register(await hub.createToken({ name: "contested" }));
    const ids = await waitingAs("contested");
    const outcomes = await Promise.allSettled(ids.map((id) => hub.api.admitCluster(id, "ann", signal)));
    expect(outcomes.map((outcome) => outcome.status).toSorted()).toEqual(["fulfilled", "rejected"]);
  });

  test("one that waits can be turned away", async () => {
    await joined("taken");
    const other = await hub.newAgent();
    await other.register(await hub.createToken({ name: "taken" }));
    const [pending = ""] = await waitingAs("taken");
    await hub.api.clusters.forget(keep(pending), "ann", signal);
    await eventually(() => viewOf("taken")?.state === "active");
    expect(await registrationOf(pending)).toMatchObject({ state: "revoked" });
  });
});

describe("two agents with one key", () => {
  test("a newer start takes over, and the older one that comes back once is turned away and no more", async () => {
    const { agent } = await joined("restarted");
    const older = agent.connect();
    older.hello(1, "first");
    await older.next("welcome");
    const newer = agent.connect();
    newer.hello(2, "second");
    await newer.next("welcome");
    const back = agent.connect();
    back.hello(1, "first");
    expect(await back.ended).toMatchObject({ details: expect.stringContaining("newer start") });
    expect(viewOf("restarted")).toMatchObject({ state: "active", freshness: { online: true } });
  });

  test("one that lost sight of its cluster's lease is turned away as long as that lasts, and no rival", async () => {
    const { agent } = await joined("partitioned");
    for (let round = 0; round < 10; round += 1) {
      const leading = agent.connect();
      leading.hello(2, "second");
      await leading.next("welcome");
      const lost = agent.connect();
      lost.hello(3, "first", true);
      expect(await lost.ended).toMatchObject({ details: expect.stringContaining("lost sight of its lease") });
      hub.aheadMs += 20_000;
    }
    hub.aheadMs = 0;
    expect(viewOf("partitioned")).toMatchObject({ state: "active" });
  });

  test("S6: when both keep answering neither is served, until a person has looked", async () => {
    const { agent } = await joined("twins");
    for (let round = 0; round < 5; round += 1) {
      for (const instance of ["one", "other"]) {
        const stream = agent.connect();
        stream.hello(1, instance);
        await stream.next("welcome").catch(() => undefined);
        hub.aheadMs += 10_000;
      }
    }
    await eventually(() => viewOf("twins")?.state === "on-hold");
    expect(viewOf("twins")).toMatchObject({
      health: "Unknown",
      sync: "Blocked",
      message: expect.stringContaining("two agents keep answering with its key, from"),
    });
    const refused = agent.connect();
    refused.hello(1, "one");
    expect(await refused.ended).toMatchObject({ details: expect.stringContaining("on hold") });
    await hub.api.clusters.resume("twins", "ann", signal);
    await eventually(() => viewOf("twins")?.state === "active");
    const alone = agent.connect();
    alone.hello(1, "one");
    await alone.next("welcome");
    expect((await auditOf("twins")).slice(1)).toEqual(["cluster.hold", "cluster.resume"]);
    hub.aheadMs = 0;
  });
});
