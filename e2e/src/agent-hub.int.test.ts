import { generateKeyPairSync } from "node:crypto";
import { RegistrationClient } from "@axle/agent/adapters/grpc/registration-client.ts";
import { SessionClient } from "@axle/agent/adapters/grpc/session-client.ts";
import { Credentials } from "@axle/agent/join/credentials.ts";
import type { Identity, IdentityStore, RegisteredIdentity } from "@axle/agent/join/identity.ts";
import { depart as departHub, restsAfterLeaving } from "@axle/agent/join/departure.ts";
import { joinHub, type JoinOptions } from "@axle/agent/join/join.ts";
import type { HubEndpoint } from "@axle/agent/join/ports.ts";
import { ReportBook } from "@axle/agent/report-book.ts";
import { parseJoinToken, formatJoinToken } from "@axle/core/join/join-token.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import type { AppReport } from "@axle/core/status/report.ts";
import { TestFront } from "@axle/hub/adapters/grpc/test-front.ts";
import { Backoff } from "@axle/runtime/backoff.ts";
import { createLogger, silentLogger } from "@axle/runtime/logger.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { FaultProxy } from "@axle/testkit/fault-proxy.ts";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";

const FACTS = { kubernetesVersion: "v1.37.0", provider: "", nodes: 1, apiVersions: ["v1/Pod"] };
const never = new AbortController().signal;

let hub: TestFront;
beforeAll(async () => {
  hub = await TestFront.start();
});
afterAll(async () => {
  await hub[Symbol.asyncDispose]();
});

class MemoryStore implements IdentityStore {
  saved: Identity | undefined;
  /** Dies at this save, before it (as kill -9 would), or not at all. */
  diesAt = 0;
  saves = 0;

  async load(): Promise<Identity | undefined> {
    return this.saved;
  }

  async save(identity: Identity): Promise<void> {
    this.saves += 1;
    if (this.saves === this.diesAt) throw new Error("killed");
    this.saved = identity;
  }
}

const connect = (endpoint: HubEndpoint) => new RegistrationClient(endpoint);

function joining(store: IdentityStore, token: string | undefined, more: Partial<JoinOptions> = {}) {
  return joinHub(
    {
      store,
      token,
      name: "",
      agentVersion: "0.1.0",
      connect,
      describeCluster: async () => ({ kubeSystemUid: "", facts: FACTS }),
      log: silentLogger,
      backoff: new Backoff({ firstMs: 10 }),
      sleep: async () => undefined,
      ...more,
    },
    AbortSignal.timeout(20_000),
  );
}

async function newToken(name: string, wish: Parameters<TestFront["createToken"]>[0] = {}): Promise<string> {
  return hub.createToken({ name, ...wish });
}

function startSession(identity: RegisteredIdentity, options: { incarnation?: number; store?: IdentityStore } = {}) {
  const stop = new AbortController();
  const lines: string[] = [];
  const log = createLogger({ destination: { write: (line) => lines.push(line) }, format: "json" });
  const expected: SliceNumber[] = [];
  const refusals: number[] = [];
  const { store = new MemoryStore(), incarnation = 1 } = options;
  const credentials = new Credentials(identity, { store, connect, onNatsAccess: () => undefined, log: silentLogger });
  const book: ReportBook = new ReportBook(() => session.changed());
  const session: SessionClient = new SessionClient({
    credentials,
    book,
    agentVersion: "0.1.0",
    incarnation,
    accepted: () => ({ epoch: 1, n: 3 }),
    facts: () => FACTS,
    instance: `start ${incarnation}`,
    isSure: () => true,
    handlers: {
      expect: (number) => expected.push(number),
      syncNow: () => undefined,
      refused: () => refusals.push(1),
    },
    log,
    backoff: new Backoff({ firstMs: 20, longestMs: 200 }),
  });
  const running = session.run(stop.signal);
  const finish = async () => {
    stop.abort();
    await running;
  };
  onTestFinished(finish);
  return { session, book, credentials, expected, refusals, lines, finish, id: identity.registered.clusterId };
}

function report(app: string, more: Partial<AppReport> = {}): AppReport {
  return {
    app,
    revision: 1,
    commit: "c",
    sync: "Applied",
    message: "",
    health: "Healthy",
    healthMessage: "",
    objects: 1,
    drifts: [],
    pruning: [],
    ...more,
  };
}

describe("an agent whose cluster left", () => {
  const depart = async (clusterId: string) => {
    await hub.api.clusters.forget({ cluster: clusterId, mode: "keep", now: false, ttlMs: 0 }, "ann", never);
    return (await hub.clusters.get(clusterId, never))?.value.leaving?.id ?? "";
  };

  it("hears that the hub knows, is cut off then, and does not join again by the token it had", async () => {
    const store = new MemoryStore();
    const token = await newToken("left-1");
    const identity = await joining(store, token);
    const { book, refusals, finish } = startSession(identity, { store });
    const order = await depart(identity.registered.clusterId);
    book.left({ order, what: "done" });
    await eventually(() => refusals.length > 0, { timeoutMs: 15_000 });
    await finish();
    const cleared: number[] = [];
    const clear = async () => void cleared.push(1);
    await departHub(identity, { store, token, clear, log: silentLogger }, never);
    expect(cleared).toEqual([1]);
    expect(store.saved?.keyPem).not.toBe(identity.keyPem);
    expect(restsAfterLeaving(store.saved, token)).toMatchObject({ name: "left-1" });
    expect(restsAfterLeaving(store.saved, undefined)).toBeDefined();
    const another = await newToken("left-1");
    expect(restsAfterLeaving(store.saved, another)).toBeUndefined();
    const again = await joining(store, another);
    expect(again.registered.clusterId).not.toBe(identity.registered.clusterId);
    expect(store.saved).not.toHaveProperty("left");
  });
});

const reportsOf = (id: string) => Object.keys(hub.view.statusOf(id)?.apps ?? {}).sort();

describe("an agent that joins", () => {
  it("gets its id, name, certificate, NATS access and key set for a token", async () => {
    const store = new MemoryStore();
    const identity = await joining(store, await newToken("join-1"));
    expect(identity.registered).toMatchObject({ name: "join-1", sessionAddress: hub.grpcAddress });
    expect(identity.registered.keySet.keys).toHaveLength(1);
    expect(store.saved).toEqual(identity);
  });

  it("needs no token any more once it has joined", async () => {
    const store = new MemoryStore();
    const first = await joining(store, await newToken("join-2"));
    expect(await joining(store, undefined)).toEqual(first);
  });

  it.each([1, 2])("S10: goes on as the same agent when it is killed at its save number %i", async (diesAt) => {
    const store = new MemoryStore();
    store.diesAt = diesAt;
    const token = await newToken(`killed-${diesAt}`);
    await expect(joining(store, token)).rejects.toThrow("killed");
    const before = store.saved?.keyPem;
    const identity = await joining(store, token);
    if (before !== undefined) expect(identity.keyPem).toBe(before);
    const stored = await hub.clusters.list(never);
    expect([...stored.values()].filter(({ value }) => value.name === `killed-${diesAt}`)).toHaveLength(1);
  });

  it("says what is wrong with its token, and does not try for ever", async () => {
    await expect(joining(new MemoryStore(), undefined)).rejects.toMatchObject({ code: "no-token" });
    await expect(joining(new MemoryStore(), "secret")).rejects.toMatchObject({ code: "bad-token" });
    const token = await newToken("once");
    await joining(new MemoryStore(), token);
    await expect(joining(new MemoryStore(), token)).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("token"),
    });
    await expect(joining(new MemoryStore(), await newToken("other-name"), { name: "mine" })).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("mine"),
    });
  });

  it("does not believe a token whose CA is not the one it pins", async () => {
    const parsed = parseJoinToken(await newToken("pinned"));
    if (!("content" in parsed)) throw new Error("no token");
    const forged = formatJoinToken({ ...parsed.content, caFingerprint: "0".repeat(64) });
    await expect(joining(new MemoryStore(), forged)).rejects.toMatchObject({ code: "bad-token" });
  });

  it("does not tell its token to a hub that another CA signed", async () => {
    await using other = await TestFront.start();
    const parsed = parseJoinToken(await newToken("misled"));
    if (!("content" in parsed)) throw new Error("no token");
    const misled = formatJoinToken({ ...parsed.content, hubAddress: other.grpcAddress });
    const stop = new AbortController();
    const lines: string[] = [];
    const log = createLogger({ destination: { write: (line) => lines.push(line) }, format: "json" });
    const store = new MemoryStore();
    const trying = joinHub(
      {
        store,
        token: misled,
        name: "",
        agentVersion: "",
        connect,
        describeCluster: async () => ({ kubeSystemUid: "", facts: FACTS }),
        log,
      },
      stop.signal,
    );
    trying.catch(() => undefined);
    await eventually(() => expect(lines.join("")).toContain("does not lead to the CA this agent trusts"));
    stop.abort(new Error("enough"));
    await expect(trying).rejects.toThrow("enough");
    expect(await other.clusters.list(never)).toHaveProperty("size", 0);
  });

  it("waits, and says so, until a person admits it", async () => {
    const lines: string[] = [];
    const log = createLogger({ destination: { write: (line) => lines.push(line) }, format: "json" });
    const token = await newToken("by-hand", { manualApproval: true });
    let admitted = false;
    const identity = await joining(new MemoryStore(), token, {
      log,
      sleep: async () => {
        if (admitted) return;
        admitted = true;
        await hub.api.admitCluster("by-hand", "test", never);
      },
    });
    expect(identity.registered.name).toBe("by-hand");
    expect(lines.filter((line) => line.includes("waiting to be admitted"))).toHaveLength(1);
  });
});

describe("a session", () => {
  it("brings what the hub expects, and takes what the agent reports", async () => {
    const identity = await joining(new MemoryStore(), await newToken("reports"));
    hub.shelf.numbers.set(identity.registered.clusterId, { epoch: 1, n: 7 });
    const { book, expected, id } = startSession(identity);
    book.app(report("web"));
    await eventually(() => expect(reportsOf(id)).toEqual(["web"]));
    expect(expected).toEqual([{ epoch: 1, n: 7 }]);
    book.app(report("api"));
    book.appGone("web");
    await eventually(() => expect(reportsOf(id)).toEqual(["api"]));
    expect(hub.view.freshnessOf(id).online).toBe(true);
    hub.shelf.publish(id, { epoch: 1, n: 8 });
    await eventually(() => expect(expected.at(-1)).toEqual({ epoch: 1, n: 8 }));
  });

  it("reports whole after the line was cut, what changed meanwhile and what is gone too, and says so once", async () => {
    const identity = await joining(new MemoryStore(), await newToken("away"));
    await using line = await FaultProxy.start(hub.grpc.port);
    const through = { ...identity.registered, sessionAddress: `localhost:${line.port}` };
    const { book, id, lines, session } = startSession({ ...identity, registered: through });
    book.app(report("web"));
    book.app(report("old"));
    await eventually(() => expect(reportsOf(id)).toEqual(["old", "web"]));
    await line.refuse();
    await eventually(() => expect(session.isLive).toBe(false));
    book.appGone("old");
    book.app(report("new"));
    // Several tries fail before the hub is back.
    await eventually(() => expect(lines.join("")).toContain("the hub is away"));
    await line.resume();
    await eventually(() => expect(reportsOf(id)).toEqual(["new", "web"]));
    expect(lines.filter((text) => text.includes("the hub is away"))).toHaveLength(1);
    expect(lines.filter((text) => text.includes("the hub is back"))).toHaveLength(1);
  });

  it("ends at the hub as soon as the agent stops", async () => {
    const identity = await joining(new MemoryStore(), await newToken("stops"));
    const { finish, id } = startSession(identity);
    await eventually(() => expect(hub.view.freshnessOf(id).online).toBe(true));
    await finish();
    await eventually(() => expect(hub.view.freshnessOf(id).online).toBe(false));
  });

  it("renews a certificate that expired while the agent was away, by proving its key", async () => {
    hub.aheadMs = -72 * 3_600_000;
    const store = new MemoryStore();
    const identity = await joining(store, await newToken("expired"));
    hub.aheadMs = 0;
    const { session, credentials } = startSession(identity, { store });
    await eventually(() => expect(session.isLive).toBe(true));
    expect(credentials.identity.registered.certificatePem).not.toBe(identity.registered.certificatePem);
    expect(store.saved).toEqual(credentials.identity);
  });

  it("renews certificate and NATS access before they end, over the session", async () => {
    // A certificate of a day, issued 17 hours ago: past two thirds.
    hub.aheadMs = -17 * 3_600_000;
    const store = new MemoryStore();
    const identity = await joining(store, await newToken("renews"));
    hub.aheadMs = 0;
    const { credentials } = startSession(identity, { store });
    const before = identity.registered;
    await eventually(() => expect(credentials.identity.registered.certificatePem).not.toBe(before.certificatePem));
    expect(credentials.identity.registered.nats.expiresAtMs).toBeGreaterThan(before.nats.expiresAtMs);
    expect(credentials.renewalTimes().certificateAtMs).toBeGreaterThan(Date.now());
  });

  it("is refused to another key, whatever certificate it shows", async () => {
    const identity = await joining(new MemoryStore(), await newToken("stolen"));
    const keyPem = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    const { lines, session } = startSession({ ...identity, keyPem });
    await eventually(() => expect(lines.join("")).toContain("the hub is away"));
    expect(session.isLive).toBe(false);
  });
});
