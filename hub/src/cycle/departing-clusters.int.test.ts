import { inflateRawSync } from "node:zlib";
import { sealContextOf } from "@axle/core/slice/slice.ts";
import type { SliceBody, SliceEnvelope } from "@axle/core/slice/slice.ts";
import { generateSealingKey, openSealed } from "@axle/runtime/crypto/sealing.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { GitServer } from "@axle/testkit/git-server.ts";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { readNewest } from "../adapters/nats/read-messages.ts";
import { STATE_STREAM } from "../adapters/nats/subjects.ts";
import { neverAborts as signal, TestFleet } from "../adapters/nats/test-fleet.ts";
import type { Registration } from "../registry-ports.ts";
import { TestLoop } from "../test-loop.ts";
import type { LoopServers } from "../test-loop.ts";

const FILES = {
  "axle.yaml": `apiVersion: axle.dev/v1\nkind: Fleet\nmetadata: { name: acme }\nspec: { clusterFiles: ["clusters/*.yaml"] }\n`,
  "clusters/prod.yaml": `apiVersion: axle.dev/v1\nkind: Cluster\nmetadata: { name: prod, labels: { env: prod } }\n`,
  "apps/web/app.yaml": `apiVersion: axle.dev/v1
kind: App
metadata: { name: web }
spec: { source: { path: ./manifests }, namespace: web, clusters: { all: true } }
`,
  "apps/web/manifests/config.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: web }\n`,
};

let servers: AsyncDisposableStack;
let given: LoopServers;
let loop: TestLoop;
const key = generateSealingKey();

beforeAll(async () => {
  servers = new AsyncDisposableStack();
  const server = servers.use(await GitServer.start());
  const fleet = servers.use(await TestFleet.start());
  given = { server, fleet, connection: await fleet.connect() };
}, 60_000);
afterAll(() => servers.disposeAsync());

beforeEach(async () => {
  loop = await TestLoop.create(given);
  loop.join("prod");
  register({ sealPublicKey: Buffer.from(key.publicKey).toString("base64") });
  await loop.start();
  await loop.publish(FILES);
}, 60_000);
afterEach(() => loop[Symbol.asyncDispose]());

/** Changes what is registered of `prod`. */
function register(change: Partial<Registration>): void {
  const before = loop.registrations.get("id-of-prod");
  if (before === undefined) throw new Error("not joined");
  loop.registrations.set(before.id, { ...before, ...change });
  loop.wake.poke("clusters", Date.now());
}

/** The slice that stands for `prod`, as its agent reads it. */
async function sliceBody(privateKey: Uint8Array = key.privateKey): Promise<SliceBody> {
  const where = { stream: STATE_STREAM, subject: "axle.slice.id-of-prod" };
  const found = await readNewest(loop.connection, where, signal);
  const envelope = JSON.parse(Buffer.from(found?.data ?? []).toString("utf8")) as SliceEnvelope;
  const sealed = Buffer.from(envelope.sealed, "base64");
  return JSON.parse(inflateRawSync(openSealed(privateKey, sealed, sealContextOf(envelope))).toString("utf8"));
}

const number = () => loop.slices()["prod"];

test("an order to leave travels in the signed slice, with the apps, and is taken back by the next", async () => {
  expect((await sliceBody()).leaving).toBeUndefined();
  const order = { id: "o-1", mode: "delete", expiresAtMs: 5 } as const;
  register({ leaving: { ...order, atMs: 1, by: "ann" } });
  await eventually(() => number() === 2);
  expect(await sliceBody()).toMatchObject({ leaving: order, apps: [{ name: "web" }] });
  const { leaving: _leaving, ...stays } = loop.registrations.get("id-of-prod")!;
  loop.registrations.set(stays.id, stays);
  loop.wake.poke("clusters", Date.now());
  await eventually(() => number() === 3);
  expect((await sliceBody()).leaving).toBeUndefined();
});

test("a cluster that was taken out has no slice, and its file in Git is a warning", async () => {
  register({ state: "revoked", forgotten: { atMs: 0, by: "ann", what: "done" } });
  await eventually(() => loop.state.slices.size === 0);
  await eventually(() => loop.state.fleet?.problems.length === 1);
  expect(loop.state.fleet?.problems).toEqual([
    expect.objectContaining({
      code: "forgotten-cluster",
      severity: "warning",
      message: expect.stringContaining('cluster "prod" was taken out of the fleet by ann'),
      place: expect.objectContaining({ file: "clusters/prod.yaml" }),
    }),
  ]);
  expect(await loop.stored()).not.toHaveProperty("axle.slice.id-of-prod");
});

test("an agent that takes another's place gets a slice it can open", async () => {
  const other = generateSealingKey();
  register({ sealPublicKey: Buffer.from(other.publicKey).toString("base64"), keyFingerprint: "other" });
  await eventually(() => number() === 2);
  expect((await sliceBody(other.privateKey)).apps).toHaveLength(1);
});

test("S6: while two agents answer with its key a cluster gets no new slice, and all of it afterwards", async () => {
  register({ hold: { atMs: 1, reason: "two agents" } });
  await loop.publish({
    "apps/web/manifests/config.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: two }\n`,
  });
  await loop.turn();
  expect(number()).toBe(1);
  const { hold: _hold, ...served } = loop.registrations.get("id-of-prod")!;
  loop.registrations.set(served.id, served);
  loop.wake.poke("clusters", Date.now());
  await eventually(() => number() === 2);
});
