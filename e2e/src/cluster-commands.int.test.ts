import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCli } from "@axle/cli/program.ts";
import { TestFront } from "@axle/hub/adapters/grpc/test-front.ts";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let stack: AsyncDisposableStack;
let hub: TestFront;
let folder: string;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  hub = stack.use(await TestFront.start());
  folder = stack.use(await createTemporaryDirectory("cluster-commands")).path;
  const { ca, adminToken } = hub.fleet.keys;
  const client = { address: hub.grpcAddress, caPem: ca.certificatePem, token: adminToken };
  await writeFile(join(folder, "client.json"), JSON.stringify(client));
  for (const name of ["one", "two", "three"]) await (await hub.newAgent()).join(await hub.createToken({ name }));
}, 60_000);
afterAll(() => stack.disposeAsync());

/** Runs the command; `answer` is what a person types, undefined when nobody is there. */
async function axle(args: readonly string[], answer?: string) {
  const written = { out: "", err: "" };
  const screen = (name: "out" | "err") => ({
    write: (text: string) => (written[name] += text),
    width: undefined,
    colour: false,
  });
  const asked: string[] = [];
  const code = await runCli([...args, "--hub", folder], {
    out: screen("out"),
    err: screen("err"),
    env: {},
    cwd: folder,
    signal: new AbortController().signal,
    nowMs: Date.now,
    ask: answer === undefined ? undefined : async (question) => (asked.push(question), answer),
  });
  return { code, asked, ...written };
}

const stateOf = (name: string) => {
  const { clusters } = hub.api.listClusters({ selector: "", page: { size: 0, token: "" } });
  return clusters.find((cluster) => cluster.name === name)?.state;
};

describe("axle cluster forget", () => {
  it("does nothing without a yes: no other word, and nobody to give one", async () => {
    expect(await axle(["cluster", "forget", "one", "--keep"], "no")).toMatchObject({
      code: 1,
      asked: ["Type yes to go on: "],
      err: expect.stringContaining("nothing was changed"),
    });
    expect(await axle(["cluster", "forget", "one", "--delete"], "yes")).toMatchObject({
      code: 1,
      asked: ["Type one to go on: "],
    });
    const unattended = await axle(["cluster", "forget", "one", "--delete"]);
    expect([unattended.code, unattended.err]).toEqual([2, expect.stringContaining("--yes")]);
    expect(stateOf("one")).toBe("active");
  });

  it("says what it will do, does it once, and prints one value for scripts", async () => {
    const said = await axle(["cluster", "forget", "one", "--delete", "-o", "json"], "one");
    expect(said.err).toMatch(/Takes one .*never connected.* out of the fleet:\n {2}deletes 0 objects of 0 apps/s);
    const value = JSON.parse(said.out);
    expect(value).toMatchObject({ cluster: "one", mode: "delete", state: "leaving", online: false });
    expect(value.expiresAtMs).toBeGreaterThan(Date.now() + 23 * 3_600_000);
    const again = await axle(["cluster", "forget", "one", "--delete", "--yes", "-o", "json"]);
    expect(JSON.parse(again.out)).toEqual(value);
    expect((await axle(["cluster", "forget", "one", "--cancel"])).out).toBe("one stays\n");
  });

  it("knows nobody by that name", async () => {
    expect((await axle(["cluster", "forget", "nobody", "--keep", "--yes"])).code).toBe(5);
    expect((await axle(["cluster", "revoke", "nobody", "--yes"])).code).toBe(5);
  });
});

describe("axle cluster revoke and resume", () => {
  it("ask as well", async () => {
    expect(await axle(["cluster", "revoke", "two"], "no")).toMatchObject({ code: 1 });
    expect((await axle(["cluster", "revoke", "two", "-o", "json"], "yes")).out).toContain('"state": "revoked"');
    expect((await axle(["cluster", "resume", "two", "--yes"])).err).toContain("not on hold");
    expect((await axle(["cluster", "resume", "three", "--yes"])).out).toBe("three is served again\n");
  });
});
