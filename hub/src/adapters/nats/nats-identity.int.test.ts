import { eventually } from "@axle/testkit/eventually.ts";
import { PermissionViolationError } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sha256Hex } from "@axle/runtime/crypto/digests.ts";
import { assertClaims } from "./account-claims.ts";
import { publishMessage } from "./publish.ts";
import { readNewest } from "./read-messages.ts";
import { neverAborts as signal, TestFleet } from "./test-fleet.ts";

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await TestFleet.start();
});
afterAll(() => fleet[Symbol.asyncDispose]());

const pack = Buffer.from("encrypted bytes");
const digest = sha256Hex(pack);

async function writeSlices(): Promise<void> {
  const hub = await fleet.connect();
  for (const cluster of ["c1", "c2"]) {
    await publishMessage(hub, { subject: `axle.slice.${cluster}`, payload: `slice of ${cluster}` }, { signal });
  }
  await publishMessage(hub, { subject: `axle.pack.${digest}.0`, payload: pack }, { signal });
  await publishMessage(hub, { subject: "$KV.axle_tokens.t1", payload: "{}" }, { signal });
}

/** What a direct get answers: its text, or "refused" when the server does not let us ask. */
async function ask(nc: NatsConnection, subject: string, payload = ""): Promise<string> {
  try {
    return (await nc.request(subject, payload, { timeout: 1_000 })).string();
  } catch (error) {
    if (error instanceof PermissionViolationError) return "refused";
    return error instanceof Error && error.cause instanceof PermissionViolationError ? "refused" : "no answer";
  }
}

async function nextRefusal(nc: NatsConnection): Promise<void> {
  for await (const status of nc.status()) {
    if (status.type === "error" && status.error.name === "PermissionViolationError") return;
  }
  await new Promise(() => undefined);
}

describe("an agent's credentials", () => {
  test("S6: read the cluster's own slice and packs", async () => {
    await writeSlices();
    const nc = await fleet.connectAgent("c1");
    expect(await ask(nc, "$JS.API.DIRECT.GET.AXLE.axle.slice.c1")).toBe("slice of c1");
    expect(await ask(nc, `$JS.API.DIRECT.GET.PACKS.axle.pack.${digest}.0`)).toBe("encrypted bytes");
  });

  test("S6: hear the own bell, with no content in it", async () => {
    const nc = await fleet.connectAgent("c1");
    const rings: { sequence: string | undefined; bytes: number }[] = [];
    nc.subscribe("axle.bell.c1", {
      callback: (_error, message) => {
        rings.push({ sequence: message.headers?.get("Nats-Sequence"), bytes: message.data.length });
      },
    });
    await nc.flush();
    const hub = await fleet.connect();
    const sequence = await publishMessage(hub, { subject: "axle.slice.c1", payload: "newer" }, { signal });
    await publishMessage(hub, { subject: "axle.slice.c2", payload: "newer" }, { signal });
    await eventually(() => rings.length > 0);
    await nc.flush();
    expect(rings).toEqual([{ sequence: String(sequence), bytes: 0 }]);
  });

  test.each([
    ["another cluster's slice", "$JS.API.DIRECT.GET.AXLE.axle.slice.c2", ""],
    ["any slice by wildcard", "$JS.API.DIRECT.GET.AXLE.axle.slice.*", ""],
    ["every subject of the stream", "$JS.API.DIRECT.GET.AXLE.>", ""],
    ["the lease", "$JS.API.DIRECT.GET.AXLE.axle.lease", ""],
    ["an app's record", "$JS.API.DIRECT.GET.AXLE.axle.app.web", ""],
    ["another slice through the open request", "$JS.API.DIRECT.GET.AXLE", '{"last_by_subj":"axle.slice.c2"}'],
    ["packs through the open request", "$JS.API.DIRECT.GET.PACKS", '{"multi_last":["axle.pack.>"]}'],
    ["messages through the stream's leader", "$JS.API.STREAM.MSG.GET.AXLE", '{"last_by_subj":"axle.slice.c2"}'],
    ["the names of streams", "$JS.API.STREAM.NAMES", ""],
    ["the subjects of a stream", "$JS.API.STREAM.INFO.AXLE", '{"subjects_filter":">"}'],
    ["a consumer", "$JS.API.CONSUMER.CREATE.AXLE", '{"stream_name":"AXLE","config":{}}'],
    ["a join token", "$JS.API.DIRECT.GET.KV_axle_tokens.$KV.axle_tokens.t1", ""],
    ["writing its own slice", "axle.slice.c1", "forged"],
    ["writing another's slice", "axle.slice.c2", "forged"],
    ["ringing its own bell", "axle.bell.c1", "ring"],
    ["writing a pack", `axle.pack.${digest}.0`, "forged"],
    ["writing a token", "$KV.axle_tokens.t2", "{}"],
    ["purging a stream", "$JS.API.STREAM.PURGE.AXLE", ""],
    ["changing the account's claims", "$SYS.REQ.CLAIMS.UPDATE", "x"],
  ])("S6: refuse %s", async (_what, subject, payload) => {
    const nc = await fleet.connectAgent("c1");
    expect(await ask(nc, subject, payload)).toBe("refused");
  });

  test.each(["axle.>", "axle.bell.*", "axle.bell.c2", "axle.slice.c1", ">", "_INBOX_c2.>", "_INBOX.>", "$JS.EVENT.>"])(
    "S6: refuse listening to %s",
    async (subject) => {
      const nc = await fleet.connectAgent("c1");
      const refused = nextRefusal(nc);
      nc.subscribe(subject, { callback: () => undefined });
      await refused;
    },
  );

  test.each(["axle.lease", "axle.slice.c2", "$KV.axle_tokens.t1", `axle.pack.${digest}.0`])(
    "S6: cannot make the server write to %s by asking for an answer there",
    async (subject) => {
      const hub = await fleet.connect();
      const stream = subject.startsWith("$KV") ? "KV_axle_tokens" : subject.includes("pack") ? "PACKS" : "AXLE";
      const before = await readNewest(hub, { stream, subject }, signal);
      const nc = await fleet.connectAgent("c1");
      nc.publish("$JS.API.DIRECT.GET.AXLE.axle.slice.c1", "", { reply: subject });
      await nc.flush();
      // A read answered after the server handled the publish.
      expect(await ask(nc, "$JS.API.DIRECT.GET.AXLE.axle.slice.c1")).not.toBe("refused");
      expect((await readNewest(hub, { stream, subject }, signal))?.sequence).toBe(before?.sequence);
    },
  );

  test("S6: cannot ring another's bell unnoticed: the ring names the subject it is about", async () => {
    const other = await fleet.connectAgent("c2");
    const subjects: (string | undefined)[] = [];
    other.subscribe("axle.bell.c2", {
      callback: (_error, message) => {
        subjects.push(message.headers?.get("Nats-Subject"));
      },
    });
    await other.flush();
    const nc = await fleet.connectAgent("c1");
    nc.publish("$JS.API.DIRECT.GET.AXLE.axle.slice.c1", "", { reply: "axle.bell.c2" });
    await eventually(() => subjects.length === 1);
    const hub = await fleet.connect();
    await publishMessage(hub, { subject: "axle.slice.c2", payload: "newer" }, { signal });
    await eventually(() => subjects.length === 2);
    expect(subjects).toEqual(["axle.slice.c1", "axle.slice.c2"]);
  });

  test("end when their time is over", async () => {
    const creds = fleet.identity.mintAgentUser("c1", -1_000);
    await expect(fleet.connectAgent("c1", creds)).rejects.toThrow(/authorization/i);
  });
});

describe("a revoked agent", () => {
  test("S6: is cut at once, and stays out after the server restarts and after it is killed", async () => {
    const creds = fleet.identity.mintAgentUser("c9", 3_600_000);
    const nc = await fleet.connectAgent("c9", creds);
    const isCut = nc.status()[Symbol.asyncIterator]().next();
    const revocations = { [fleet.identity.agentUserId("c9")]: Math.floor(Date.now() / 1_000) };
    await assertClaims(await fleet.connectOptions(), revocations);
    await isCut;
    await nc.close();
    await expect(fleet.connectAgent("c9", creds)).rejects.toThrow(/authorization/i);

    await fleet.stopServer();
    await fleet.startServer();
    await expect(fleet.connectAgent("c9", creds)).rejects.toThrow(/authorization/i);

    process.kill(fleet.server.pid ?? 0, "SIGKILL");
    await expect(eventually(() => fleet.connectAgent("c9", creds), { timeoutMs: 2_000 })).rejects.toThrow(
      /authorization/i,
    );
    const other = await eventually(() => fleet.connectAgent("c1"));
    expect(other.isClosed()).toBe(false);
  });

  test("S6: stays revoked when claims are asserted again without it, and nothing is pushed when nothing changes", async () => {
    const options = await fleet.connectOptions();
    const user = fleet.identity.agentUserId("c8");
    const creds = fleet.identity.mintAgentUser("c8", 3_600_000);
    await assertClaims(options, { [user]: Math.floor(Date.now() / 1_000) });
    await assertClaims(options, {});
    await expect(fleet.connectAgent("c8", creds)).rejects.toThrow(/authorization/i);
  });

  test("gets in again with credentials minted later", async () => {
    const user = fleet.identity.agentUserId("c7");
    const past = Math.floor(Date.now() / 1_000) - 2;
    await assertClaims(await fleet.connectOptions(), { [user]: past });
    const nc = await fleet.connectAgent("c7");
    expect(nc.isClosed()).toBe(false);
  });
});
