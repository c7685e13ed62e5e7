import { eventually } from "@axle/testkit/eventually.ts";
import { GitServer } from "@axle/testkit/git-server.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { GitRepository } from "./git-repository.ts";
import { type FollowingHub, PrivateFleets, TOKEN } from "./private-fleets.ts";
import { basic } from "./private-servers.ts";

const never = new AbortController().signal;
let fleets: PrivateFleets;
let servers: PrivateFleets["servers"];

beforeAll(async () => {
  fleets = await PrivateFleets.start();
  servers = fleets.servers;
}, 60_000);

afterAll(() => fleets[Symbol.asyncDispose]());

beforeEach(() => {
  servers.accepted.clear();
  servers.accepted.add(TOKEN);
  servers.lfs.beforeDownload = () => undefined;
});

describe("large files", () => {
  const ATTRIBUTES = "*.big filter=lfs diff=lfs merge=lfs -text\n";

  async function snapshotOf(hub: FollowingHub, files: Readonly<Record<string, string>>) {
    const commit = await hub.fleet.work.publish({ ".gitattributes": ATTRIBUTES, ...files }, "large");
    await hub.repository.fetch(undefined, never);
    return hub.repository.snapshot(commit, never);
  }

  test.each(["https", "ssh"] as const)("stand in place of their pointers, over %s", async (over) => {
    servers.accepted.add(basic("from", "ssh"));
    await using hub = await fleets.follow(over);
    const content = `kind: ConfigMap # ${over}\n`;
    const pointer = servers.lfs.store(content);
    servers.lfs.calls.length = 0;
    const snapshot = await snapshotOf(hub, { "app/a.big": pointer, "app/same.big": pointer, "b.yaml": "b: 1\n" });
    expect((await snapshot.readTexts(["app/a.big", "app/same.big"], never)).get("app/same.big")).toBe(content);
    expect(snapshot.files.get("app/a.big")?.size).toBe(content.length);
    expect(snapshot.missing?.size).toBe(0);
    expect(servers.lfs.calls).toMatchObject([{ authorization: over === "ssh" ? basic("from", "ssh") : TOKEN }]);
    expect(servers.lfs.calls[0]?.oids).toHaveLength(1);
    expect(servers.lfs.downloads.at(-1)).toMatch(/^Ticket /);
    // The mirror has it now.
    servers.lfs.replace(pointer, undefined);
    await using again = new GitRepository({ url: hub.fleet.url, directory: hub.directory, environment: process.env });
    expect((await again.snapshot(snapshot.commit, never)).files.get("app/a.big")?.size).toBe(content.length);
  });

  test("one the server does not have, and one that is not what was committed, are told by their paths", async () => {
    await using hub = await fleets.follow();
    const [gone, forged, longer, good] = ["gone", "forged", "longer", "good"].map((text) =>
      servers.lfs.store(`${text}-${fleets.counter}`),
    );
    servers.lfs.replace(gone ?? "", undefined);
    servers.lfs.replace(forged ?? "", Buffer.from(`forgeX-${fleets.counter}`));
    servers.lfs.replace(longer ?? "", Buffer.alloc(100_000));
    const snapshot = await snapshotOf(hub, {
      "gone.big": gone ?? "",
      "forged.big": forged ?? "",
      "longer.big": longer ?? "",
      "good.big": good ?? "",
    });
    expect(snapshot.missing?.get("gone.big")).toMatchObject({
      code: "not-found",
      message: expect.stringMatching(/git lfs push --all/) as unknown,
    });
    expect(snapshot.missing?.get("forged.big")).toMatchObject({ code: "digest-changed" });
    expect(snapshot.missing?.get("longer.big")).toMatchObject({ code: "digest-changed" });
    expect(snapshot.missing?.has("good.big")).toBe(false);
    expect((await snapshot.readTexts(["good.big"], never)).get("good.big")).toBe(`good-${fleets.counter}`);
    servers.lfs.replace(gone ?? "", Buffer.from(`gone-${fleets.counter}`));
    fleets.nowMs += 5_000;
    expect((await hub.repository.snapshot(snapshot.commit, never)).missing?.has("gone.big")).toBe(false);
  });

  test("a server that takes its time holds nobody up: what it sends is fetched once, beside the rest, and told when it is there", async () => {
    await using hub = await fleets.follow();
    let arrivals = 0;
    await using hurried = await fleets.another(hub, { now: () => 0, patienceMs: 20, onReady: () => (arrivals += 1) });
    const gate = Promise.withResolvers<void>();
    const [slow, quick] = [servers.lfs.store(`slow-${fleets.counter}`), servers.lfs.store(`quick-${fleets.counter}`)];
    servers.lfs.beforeDownload = (oid) => (slow.includes(oid) ? gate.promise : undefined);
    servers.lfs.downloads.length = 0;
    const first = await hub.fleet.work.publish(
      { ".gitattributes": ATTRIBUTES, "a.big": slow, "b.yaml": "b: 1\n" },
      "a",
    );
    await hurried.fetch(undefined, never);
    const without = await hurried.snapshot(first, never);
    expect(without.missing?.get("a.big")).toMatchObject({
      code: "unreachable",
      message: expect.stringMatching(/still being fetched/) as unknown,
    });
    expect((await without.readTexts(["b.yaml"], never)).get("b.yaml")).toBe("b: 1\n");

    const second = await hub.fleet.work.publish({ "quick.big": quick }, "b");
    await hurried.fetch(undefined, never);
    const lacks = async (): Promise<readonly string[]> => [
      ...((await hurried.snapshot(second, never)).missing?.keys() ?? []),
    ];
    await eventually(async () => (await lacks()).join() === "a.big", { what: "the file that was quick" });
    expect(servers.lfs.downloads).toHaveLength(2);
    const before = arrivals;
    gate.resolve();
    await eventually(() => arrivals > before, { what: "word of the file that was slow" });
    expect(await lacks()).toEqual([]);
    expect(servers.lfs.downloads).toHaveLength(2);
  });

  test("one that fails late is told, and tried again after a while", async () => {
    await using hub = await fleets.follow();
    const { promise: arrival, resolve: onReady } = Promise.withResolvers<void>();
    const now = (): number => fleets.nowMs;
    await using hurried = await fleets.another(hub, { now, patienceMs: 20, onReady });
    const gate = Promise.withResolvers<void>();
    const pointer = servers.lfs.store(`late-${fleets.counter}`);
    servers.lfs.beforeDownload = () => gate.promise;
    const commit = await hub.fleet.work.publish({ ".gitattributes": ATTRIBUTES, "a.big": pointer }, "a");
    await hurried.fetch(undefined, never);
    await hurried.snapshot(commit, never);
    servers.lfs.replace(pointer, undefined);
    gate.resolve();
    await arrival;
    servers.lfs.downloads.length = 0;
    const gone = { code: "not-found" };
    expect((await hurried.snapshot(commit, never)).missing?.get("a.big")).toMatchObject(gone);
    expect((await hurried.snapshot(commit, never)).missing?.get("a.big")).toMatchObject(gone);
    expect(servers.lfs.downloads).toEqual([]);
    servers.lfs.replace(pointer, Buffer.from(`late-${fleets.counter}`));
    fleets.nowMs += 300_000;
    await eventually(async () => (await hurried.snapshot(commit, never)).missing?.size === 0, { what: "the file" });
  });

  test("a repository that is closed ends what it still fetches", async () => {
    await using hub = await fleets.follow();
    const hurried = await fleets.another(hub, { patienceMs: 20 });
    const [asked, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    servers.lfs.beforeDownload = () => (asked.resolve(), left.promise);
    const pointer = servers.lfs.store(`closed-${fleets.counter}`);
    const commit = await hub.fleet.work.publish({ ".gitattributes": ATTRIBUTES, "a.big": pointer }, "a");
    await hurried.fetch(undefined, never);
    await hurried.snapshot(commit, never);
    await asked.promise;
    await hurried[Symbol.asyncDispose]();
    left.resolve();
  });

  test("a file too large for anybody's declarations is not fetched", async () => {
    await using hub = await fleets.follow();
    const pointer = servers.lfs.store("x").replace(/size \d+/, `size ${20 * 1024 ** 2}`);
    const snapshot = await snapshotOf(hub, { "video.big": pointer });
    expect(snapshot.missing?.get("video.big")).toMatchObject({ code: "too-large" });
  });

  test("a pointer where no attribute names LFS is a file like any other", async () => {
    await using hub = await fleets.follow();
    const pointer = servers.lfs.store("plain");
    const snapshot = await snapshotOf(hub, { ".gitattributes": "# none\n", "a.big": pointer });
    expect((await snapshot.readTexts(["a.big"], never)).get("a.big")).toBe(pointer);
  });

  test.each([
    ["http://127.0.0.1:1", /would be asked without TLS; use https, or allow it with an entry for/],
    ["https://169.254.169.254", /is a link-local address: the hub does not ask those/],
  ])("whatever the LFS server names, %s is not asked", async (origin, message) => {
    await using hub = await fleets.follow();
    servers.lfs.storageOrigin = origin;
    const pointer = servers.lfs.store(`at ${origin}`);
    const snapshot = await snapshotOf(hub, { "a.big": pointer });
    servers.lfs.storageOrigin = undefined;
    expect(snapshot.missing?.get("a.big")).toMatchObject({
      code: "unsupported",
      message: expect.stringMatching(message) as unknown,
    });
  });

  test("S5: whatever .lfsconfig and the LFS server name, credentials stay where they belong", async () => {
    const stolen: (string | undefined)[] = [];
    await using thief = await GitServer.start({
      tls: servers.certificate,
      routes: [
        (request, response) => {
          stolen.push(request.headers.authorization);
          request.resume();
          response.writeHead(401).end();
          return Promise.resolve(true);
        },
      ],
    });
    await using hub = await fleets.follow();
    const other = await servers.credentials(
      `  - { url: '${thief.origin}', caFile: ca.pem }\n  - { url: '${servers.git.origin}', caFile: ca.pem, token: { token: s3cr3t } }\n`,
    );
    const directory = await servers.folder();
    await using repository = new GitRepository({
      url: hub.fleet.url,
      directory,
      environment: process.env,
      credentials: other,
    });
    const pointer = servers.lfs.store(`secret of ${directory}`);
    const files = {
      ".gitattributes": ATTRIBUTES,
      ".lfsconfig": `[lfs]\n  url = ${thief.origin}/lfs\n`,
      "a.big": pointer,
    };
    const hostile = await hub.fleet.work.publish(files, "lfsconfig");
    await repository.fetch(undefined, never);
    expect((await repository.snapshot(hostile, never)).missing?.get("a.big")).toMatchObject({ code: "unauthorized" });
    expect(stolen).toEqual([undefined]);
    servers.lfs.storageOrigin = thief.origin;
    const plain = await hub.fleet.work.publish({ ".lfsconfig": null, b: "1" }, "storage elsewhere");
    await repository.fetch(undefined, never);
    const snapshot = await repository.snapshot(plain, never);
    servers.lfs.storageOrigin = undefined;
    expect(snapshot.missing?.get("a.big")).toMatchObject({ code: "unauthorized" });
    expect(stolen[1]).toMatch(/^Ticket /);
    for (const url of [
      "file:///etc",
      "http://127.0.0.1:1/",
      "ext::sh",
      "https://169.254.169.254/",
      "https://[fe80::1]/",
    ]) {
      const odd = await hub.fleet.work.publish({ ".lfsconfig": `[lfs]\n  url = ${url}\n` }, "odd");
      await repository.fetch(undefined, never);
      expect((await repository.snapshot(odd, never)).missing?.get("a.big")).toMatchObject({ code: "unsupported" });
    }
  });
});
