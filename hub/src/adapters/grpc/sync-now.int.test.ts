import { eventually } from "@axle/testkit/eventually.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AUDIT_STREAM } from "../nats/subjects.ts";
import { neverAborts as signal } from "../nats/test-fleet.ts";
import { TestFront } from "./test-front.ts";

let hub: TestFront;

beforeAll(async () => {
  hub = await TestFront.start();
});
afterAll(async () => {
  await hub[Symbol.asyncDispose]();
});

/** In session, with these apps reported. */
async function connected(name: string, apps: readonly string[]) {
  const agent = await hub.newAgent();
  await agent.join(await hub.createToken({ name, labels: { name } }));
  const stream = await agent.connectWelcomed();
  stream.report(1, { apps: apps.map((app) => ({ app, revision: 1 })), slice: { epoch: 1, n: 1 } });
  await stream.next("reportAck");
  return stream;
}

const sync = (wish: { apps?: readonly string[]; selector?: string; cluster?: string }) =>
  hub.api.syncNow({ apps: [], selector: "", cluster: "", ...wish }, "ann", signal);

describe("a request to sync now", () => {
  test("reaches the clusters that have the apps, each with its own, and looks at the repository", async () => {
    const [one, two] = [await connected("one", ["shop", "web"]), await connected("two", ["web"])];
    const pokes = hub.shelf.pokes.length;
    expect(await sync({ apps: ["shop", "web"] })).toMatchObject([
      { cluster: "one", told: true },
      { cluster: "two", told: true },
    ]);
    expect(await one.next("syncNow")).toMatchObject({ apps: ["shop", "web"] });
    expect(await two.next("syncNow")).toMatchObject({ apps: ["web"] });
    expect(hub.shelf.pokes.length).toBe(pokes + 1);

    expect(await sync({ apps: ["shop"] })).toMatchObject([{ cluster: "one" }]);
    expect(await one.next("syncNow")).toMatchObject({ apps: ["shop"] });
    expect(await sync({ cluster: "two" })).toMatchObject([{ cluster: "two", told: true }]);
    expect(await two.next("syncNow")).toMatchObject({ apps: [] });
    expect(await sync({ selector: "name in (one)" })).toMatchObject([{ cluster: "one" }]);
  });

  test("tells of clusters that are away, and keeps nothing for them", async () => {
    const stream = await connected("away", ["late"]);
    stream.call.cancel();
    await eventually(async () => {
      const [row] = await sync({ apps: ["late"] });
      expect(row).toMatchObject({ cluster: "away", told: false, freshness: { online: false } });
    });
  });

  test("refuses names that are nobody's", async () => {
    await expect(sync({ cluster: "nobody" })).rejects.toMatchObject({ code: "not-found" });
    await expect(sync({ apps: ["nothing"] })).rejects.toThrow('there is no app named "nothing"');
    await expect(sync({ selector: "name=nobody" })).rejects.toMatchObject({ code: "not-found" });
    await expect(sync({ selector: "((" })).rejects.toMatchObject({ code: "invalid-argument" });
  });

  test("is in the audit", async () => {
    await sync({ apps: ["web"], cluster: "two" });
    const { jsm } = await hub.fleet.connect();
    const { state } = await jsm.streams.info(AUDIT_STREAM);
    const last = await jsm.streams.getMessage(AUDIT_STREAM, { seq: state.last_seq });
    expect(last?.json()).toMatchObject({ actor: "ann", action: "sync", subject: "web", detail: "on two" });
  });
});
