import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { formatJoinToken, parseJoinToken } from "@axle/core/join/join-token.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { neverAborts } from "../nats/test-fleet.ts";
import { TestFront } from "./test-front.ts";

const HOUR_MS = 60 * 60_000;

describe("a cluster that joins", () => {
  let hub: TestFront;

  beforeAll(async () => {
    hub = await TestFront.start();
  });

  afterAll(async () => {
    await hub[Symbol.asyncDispose]();
  });

  const stored = async () => [...(await hub.clusters.list(neverAborts)).values()].map(({ value }) => value);

  test("gets its identity from the hub: id, name, certificate, credentials, key set", async () => {
    const agent = await hub.newAgent();
    const registered = await agent.join(await hub.createToken({ name: "first", labels: { env: "prod" } }));
    expect(registered).toMatchObject({
      clusterId: expect.stringMatching(/^c-[a-z2-7]{10}$/),
      name: "first",
      caPem: hub.fleet.keys.ca.certificatePem,
      sessionAddress: hub.grpcAddress,
      keySet: { version: 1 },
    });
    expect(registered.nats?.creds).toContain("BEGIN NATS USER JWT");
    const certificate = new X509Certificate(registered.certificatePem);
    expect(certificate.subjectAltName).toContain(`URI:axle://cluster/${registered.clusterId}`);
    expect(certificate.subjectAltName).toContain("URI:axle://label/env/prod");
    expect((await stored()).find(({ name }) => name === "first")).toMatchObject({
      id: registered.clusterId,
      labels: { env: "prod" },
      state: "active",
    });
  });

  test("is the same cluster when it comes again with the same key, used up and expired as the token may be", async () => {
    const agent = await hub.newAgent();
    const token = await hub.createToken({ name: "again" });
    const first = await agent.join(token);
    const second = await agent.join(token);
    expect(second.clusterId).toBe(first.clusterId);
    hub.aheadMs = 48 * HOUR_MS;
    const third = await agent.join(token, "again");
    hub.aheadMs = 0;
    expect(third.clusterId).toBe(first.clusterId);
    expect((await stored()).filter(({ name }) => name === "again")).toHaveLength(1);
    await expect(agent.register(token, "other")).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: expect.stringContaining('registered as "again" already'),
    });
  });

  test("is refused with a wrong secret and with an unknown id in the same words", async () => {
    const agent = await hub.newAgent();
    const parsed = parseJoinToken(await hub.createToken({ name: "wrong" }));
    if ("problem" in parsed) throw new Error(parsed.problem);
    const refusals = [
      { ...parsed.content, secret: "guess" },
      { ...parsed.content, id: "t-aaaaaaaaaa" },
    ].map((content) => agent.register(formatJoinToken(content)).catch((error: unknown) => error));
    const [wrongSecret, unknownId] = (await Promise.all(refusals)) as { code: number; details: string }[];
    expect(wrongSecret).toMatchObject({ code: status.UNAUTHENTICATED });
    expect(unknownId?.details).toBe(wrongSecret?.details);
    await expect(agent.register("not a token")).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining("not a join token"),
    });
  });

  test("is refused when the token is used up, expired or for another name, with what to do", async () => {
    const used = await hub.createToken({ name: "single" });
    await (await hub.newAgent()).join(used);
    const agent = await hub.newAgent();
    await expect(agent.register(used, "single")).rejects.toMatchObject({
      code: status.PERMISSION_DENIED,
      details: expect.stringContaining("used up; create a new one with: axle token create"),
    });
    const expired = await hub.createToken({ name: "late", ttlMs: 1 });
    hub.aheadMs = HOUR_MS;
    await expect(agent.register(expired)).rejects.toMatchObject({
      code: status.PERMISSION_DENIED,
      details: expect.stringContaining("expired at"),
    });
    hub.aheadMs = 0;
    const named = await hub.createToken({ name: "edge-*", uses: 5 });
    await expect(agent.register(named, "prod-9")).rejects.toMatchObject({
      code: status.PERMISSION_DENIED,
      details: expect.stringContaining('named like "edge-*", not for "prod-9"'),
    });
    await expect(agent.register(named)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    await expect(agent.register(named, "Edge_1")).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  test("takes a token's uses one each, however many try at once", async () => {
    const token = await hub.createToken({ name: "race-*", uses: 3 });
    const agents = await Promise.all(Array.from({ length: 10 }, () => hub.newAgent()));
    const outcomes = await Promise.allSettled(agents.map((agent, index) => agent.join(token, `race-${index}`)));
    expect(outcomes.filter(({ status: outcome }) => outcome === "fulfilled")).toHaveLength(3);
    expect((await stored()).filter(({ name }) => name.startsWith("race-"))).toHaveLength(3);
  });

  test("never shares a name with another, though both ask at once", async () => {
    const tokens = await Promise.all([1, 2, 3, 4].map(() => hub.createToken({ name: "same-*", uses: 2 })));
    const agents = await Promise.all(tokens.map(() => hub.newAgent()));
    await Promise.allSettled(agents.map((agent, index) => agent.register(tokens[index] ?? "", "same-1")));
    const named = (await stored()).filter(({ name, state }) => name === "same-1" && state === "active");
    expect(named).toHaveLength(1);
  });

  test("waits for a person when its name or its cluster is known with another key, and keeps the id when it replaces it", async () => {
    const uid = "11111111-2222-3333-4444-555555555555";
    const before = await hub.newAgent();
    const { outcome } = await before.register(await hub.createToken({ name: "known" }), "", uid);
    const id = outcome?.$case === "registered" ? outcome.value.clusterId : "";
    before.certificatePem = outcome?.$case === "registered" ? outcome.value.certificatePem : "";
    const stream = await before.connectWelcomed();

    const sameName = await hub.newAgent();
    const token = await hub.createToken({ name: "known" });
    expect((await sameName.register(token)).outcome).toMatchObject({
      $case: "pending",
      value: { reason: expect.stringContaining("registered with another key"), retryAfterSeconds: 15 },
    });
    const sameCluster = await hub.newAgent();
    const otherToken = await hub.createToken({ name: "renamed" });
    expect((await sameCluster.register(otherToken, "", uid)).outcome).toMatchObject({
      $case: "pending",
      value: { reason: expect.stringContaining('registered as "known" with another key') },
    });

    const waiting = hub.api.listClusters({ selector: "", page: { size: 0, token: "" } }).clusters;
    expect(waiting.filter(({ waitsFor }) => waitsFor !== "").map(({ name }) => name)).toEqual(
      expect.arrayContaining(["known", "renamed"]),
    );
    await hub.api.admitCluster("known", "a person", neverAborts);
    expect((await sameName.join(token)).clusterId).toBe(id);
    expect(await stream.ended).toMatchObject({ code: status.PERMISSION_DENIED });
    const stale = before.connect();
    stale.hello();
    expect(await stale.ended).toMatchObject({
      code: status.PERMISSION_DENIED,
      details: expect.stringContaining("was replaced"),
    });
  });

  test("waits when the token asks for a person's yes", async () => {
    const agent = await hub.newAgent();
    const token = await hub.createToken({ name: "careful", manualApproval: true });
    expect((await agent.register(token)).outcome).toMatchObject({ $case: "pending" });
    await hub.api.admitCluster("careful", "a person", neverAborts);
    expect((await agent.join(token)).name).toBe("careful");
  });

  test("renews an expired certificate by proving its key, and only its own", async () => {
    const agent = await hub.newAgent();
    await agent.join(await hub.createToken({ name: "away" }));
    const before = agent.certificatePem;
    hub.aheadMs = 72 * HOUR_MS;
    await agent.renew();
    hub.aheadMs = 0;
    expect(agent.certificatePem).not.toBe(before);
    expect(new X509Certificate(agent.certificatePem).subjectAltName).toContain(agent.clusterId);
    const otherKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const renewal = agent.renew(otherKey.export({ format: "pem", type: "pkcs8" }) as string);
    await expect(renewal).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  });
});
