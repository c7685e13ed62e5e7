import { createHmac } from "node:crypto";
import { request } from "node:https";
import { status } from "@grpc/grpc-js";
import type { AppRecord } from "@axle/core/placement/app-record.ts";
import type { GetStatusResponse, ListClustersResponse } from "@axle/proto/axle/v1/fleet.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestFront } from "./test-front.ts";

describe("the API", () => {
  let hub: TestFront;

  beforeAll(async () => {
    hub = await TestFront.start();
  });

  afterAll(async () => {
    await hub[Symbol.asyncDispose]();
  });

  /** A request to the hub's HTTP, over TLS. */
  function http(path: string, options: { method?: string; headers?: Record<string, string>; body?: string } = {}) {
    const { method = "POST", headers = {}, body = "" } = options;
    const ca = hub.fleet.keys.ca.certificatePem;
    return new Promise<{ status: number; text: string }>((resolve, reject) => {
      const call = request(
        { host: "localhost", port: hub.http.port, path, method, headers, ca, agent: false },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("end", () => {
            resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") });
          });
        },
      );
      call.on("error", reject);
      call.end(body);
    });
  }

  const admin = () => ({ authorization: `Bearer ${hub.fleet.keys.adminToken}` });
  const api = async (method: string, body: object = {}) => {
    const { status: code, text } = await http(`/api/v1/${method}`, { headers: admin(), body: JSON.stringify(body) });
    return { status: code, value: JSON.parse(text) as Record<string, unknown> };
  };

  function listClusters(token?: string): Promise<ListClustersResponse> {
    const { client, metadata } = hub.people(token);
    return new Promise((resolve, reject) => {
      client.listClusters({ selector: "", page: undefined }, metadata, (error, response) => {
        if (error === null) resolve(response);
        else reject(error);
      });
    });
  }

  test("is for who has the admin token, over gRPC and HTTP alike", async () => {
    await expect(listClusters("")).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
    await expect(listClusters("wrong")).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
    await expect(listClusters()).resolves.toMatchObject({ clusters: [] });
    expect(await http("/api/v1/ListClusters")).toMatchObject({
      status: 401,
      text: expect.stringContaining("admin.token"),
    });
    const wrong = { authorization: "Bearer wrong" };
    expect(await http("/api/v1/ListClusters", { headers: wrong })).toMatchObject({ status: 403 });
    expect(await http("/metrics", { method: "GET" })).toMatchObject({ status: 401 });
    expect(await api("ListClusters")).toMatchObject({ status: 200 });
    expect(await http("/healthz", { method: "GET" })).toEqual({ status: 200, text: "ok\n" });
    expect(await http("/readyz", { method: "GET" })).toEqual({ status: 200, text: "ok\n" });
    const metrics = await http("/metrics", { method: "GET", headers: admin() });
    expect(metrics.text).toContain('axle_clusters{state="online"} 0');
  });

  test("says what is wrong with a request", async () => {
    expect(await api("Nothing")).toMatchObject({
      status: 404,
      value: { error: expect.stringContaining("ListClusters") },
    });
    expect(await api("ListClusters", { selector: "env in" })).toMatchObject({
      status: 400,
      value: { code: "invalid-argument", error: expect.stringContaining("selector: ") },
    });
    expect(await http("/api/v1/ListClusters", { headers: admin(), body: "no" })).toMatchObject({ status: 400 });
    expect(await http("/api/v1/ListClusters", { headers: admin(), method: "GET" })).toMatchObject({ status: 405 });
    const big = JSON.stringify({ selector: "x".repeat(2_000_000) });
    expect(await http("/api/v1/ListClusters", { headers: admin(), body: big })).toMatchObject({ status: 413 });
    expect(await api("CreateToken", { labels: { "a b": "c d" }, name: "", uses: 5_000 })).toMatchObject({
      status: 400,
      value: { error: expect.stringMatching(/labels: .*labels: .*name: .*uses: /) },
    });
  });

  test("shows clusters and apps as they are, and as they are no more", async () => {
    const agent = await hub.newAgent();
    const token = await api("CreateToken", { name: "prod-1", labels: { env: "prod" } });
    expect(token.value).toMatchObject({ id: expect.stringMatching(/^t-/), token: expect.stringMatching(/^axle1\./) });
    await agent.join(String(token.value["token"]));
    const record = {
      app: "web",
      revision: 1,
      commit: "0123456789abcdef",
      declaredAt: { file: "apps/web/app.yaml", line: 1, column: 1 },
      packs: [],
      targets: { [agent.clusterId]: { pack: 0, substitutions: {} } },
      deletionHolds: {},
      history: [],
    };
    hub.shelf.records.set("web", record as unknown as AppRecord);
    const stream = await agent.connectWelcomed();
    stream.report(1, { apps: [{ app: "web", revision: 1 }], applied: true, slice: { epoch: 1, n: 1 } });
    await stream.next("reportAck");

    const { clusters } = await listClusters();
    expect(clusters).toMatchObject([
      {
        name: "prod-1",
        labels: { env: "prod" },
        sync: 3,
        health: 1,
        apps: 1,
        freshness: { online: true },
        waitsFor: "",
      },
    ]);
    // As JSON of Protocol Buffers has it: what is empty is left out.
    expect((await api("ListClusters", { selector: "env=dev" })).value).toEqual({});
    expect((await api("ListClusters", { selector: "env in (prod, dev)" })).value).toMatchObject({ total: 1 });
    expect((await api("ListApps")).value).toMatchObject({
      apps: [{ name: "web", clusters: 1, clustersApplied: 1, sync: "SYNC_APPLIED", health: "HEALTH_HEALTHY" }],
    });

    stream.call.cancel();
    const { client, metadata } = hub.people();
    const getStatus = () =>
      new Promise<GetStatusResponse>((resolve, reject) => {
        client.getStatus({ subject: { $case: "name", value: "web" } }, metadata, (error, response) => {
          if (error === null) resolve(response);
          else reject(error);
        });
      });
    const offline = await eventually(async () => {
      const answer = await getStatus();
      return answer.rows[0]?.freshness?.online === false ? answer : false;
    });
    expect(offline.rows[0]?.report).toMatchObject({ app: "web", health: 6, revision: 1n });
    expect(offline.app).toMatchObject({ clustersOffline: 1, clustersApplied: 0, health: 6 });
    expect(await api("GetStatus", { cluster: "nowhere" })).toMatchObject({ status: 404 });
  });

  test("takes a signed push hook, tells the loop when it came, and refuses any other", async () => {
    const hook = (body: string, key = hub.fleet.keys.hookSecret) => {
      const signature = createHmac("sha256", key).update(body).digest("hex");
      return http("/hooks/git", { headers: { "x-hub-signature-256": `sha256=${signature}` }, body });
    };
    const beforeMs = hub.now();
    expect(await hook('{"ref":"refs/heads/main"}')).toEqual({ status: 202, text: '{"accepted":true}\n' });
    expect(hub.shelf.pokes).toHaveLength(1);
    expect(hub.shelf.pokes[0]).toBeGreaterThanOrEqual(beforeMs);
    expect(await hook('{"ref":"refs/heads/dev"}')).toMatchObject({
      status: 202,
      text: expect.stringContaining("follows main"),
    });
    expect(await hook("{}", "guess")).toMatchObject({ status: 401 });
    expect(await http("/hooks/git", { body: "{}" })).toMatchObject({
      status: 401,
      text: expect.stringContaining("not signed"),
    });
    expect(await http("/hooks/git", { method: "GET" })).toMatchObject({ status: 405 });
    expect(hub.shelf.pokes).toHaveLength(1);
  });
});
