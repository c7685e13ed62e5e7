import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventually } from "@axle/testkit/eventually.ts";
import { GitServer } from "@axle/testkit/git-server.ts";
import { runGit } from "@axle/testkit/run-git.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { GitRepository } from "./git-repository.ts";
import { failureOf, PrivateFleets, TOKEN } from "./private-fleets.ts";

const run = promisify(execFile);
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
});

describe("another repository as a source", () => {
  test("a branch, a tag, an annotated tag and a commit are had, and a pinned one without asking anybody", async () => {
    await using hub = await fleets.follow();
    await hub.fleet.work.publish({ "axle.yaml": "" }, "fleet");
    await hub.repository.fetch(undefined, never);
    const { work, url } = await fleets.serve("lib");
    const first = await work.publish({ "base/kustomization.yaml": "resources: []\n" }, "one");
    await work.git("tag", "v1");
    await work.git("tag", "--annotate", "--message", "two", "v2");
    await work.git("push", "--quiet", "--tags", "origin");
    const second = await work.publish({ "more.yaml": "" }, "two");
    const source = (ref: string, pinned?: string) =>
      hub.repository.sources.fetch({ type: "git", url, ref }, pinned, never);
    const main = await source("main");
    expect(main.digest).toBe(`git:${second}`);
    expect(await hub.filesOf(main.tree)).toEqual(["base/kustomization.yaml", "more.yaml"]);
    for (const ref of ["v1", "v2", "refs/tags/v2", first]) expect((await source(ref)).digest).toBe(`git:${first}`);
    servers.accepted.clear();
    expect(await source("main", `git:${first}`)).toEqual(await source("v1", `git:${first}`));
    expect(await failureOf(source("main"))).toMatchObject({ name: "SourceError", code: "unauthorized" });
  });

  test("fetching one does not make the followed branch look rewritten, though it is the same repository", async () => {
    await using hub = await fleets.follow();
    const { work, url } = hub.fleet;
    const first = await work.publish({ a: "1" }, "one");
    await hub.repository.fetch(undefined, never);
    await work.publish({ a: "2" }, "two");
    await hub.repository.sources.fetch({ type: "git", url, ref: "main" }, undefined, never);
    await work.publish({ a: "3" }, "three");
    expect(await hub.repository.fetch(first, never)).toMatchObject({ rewritten: false });
  });

  test("a server that gives no commit by its id is asked for the branch, whole", async () => {
    await using hub = await fleets.follow();
    await hub.fleet.work.publish({ a: "1" }, "one");
    await using old = await GitServer.start({ protocol: 0 });
    const { clone, url, directory } = await old.createRepository("old");
    const entries = `  - { url: '${old.origin}', allowHttp: true }\n  - { url: '${servers.git.origin}', caFile: ca.pem, token: { token: s3cr3t } }\n`;
    const given = { credentials: await servers.credentials(entries), directory: hub.directory };
    await using repository = await fleets.another(hub, given);
    await repository.fetch(undefined, never);
    await runGit(directory, ["config", "uploadpack.allowAnySHA1InWant", "false"]);
    const work = await clone();
    const first = await work.publish({ a: "1" }, "one");
    await work.publish({ b: "2" }, "two");
    const pinned = await repository.sources.fetch({ type: "git", url, ref: "main" }, `git:${first}`, never);
    expect(await hub.filesOf(pinned.tree)).toEqual(["a"]);
    const newest = await work.publish({ c: "3" }, "three");
    const byId = await repository.sources.fetch({ type: "git", url, ref: newest }, undefined, never);
    expect(await hub.filesOf(byId.tree)).toEqual(["a", "b", "c"]);
  });

  test("a repository larger than the limit is stopped on its way", async () => {
    await using hub = await fleets.follow();
    await hub.fleet.work.publish({ a: "1" }, "one");
    const directory = await servers.folder();
    const limits = { totalBytes: 1024 ** 2 };
    const credentials = await servers.credentials(
      `  - { url: '${servers.git.origin}', caFile: ca.pem, token: { token: s3cr3t } }\n`,
    );
    const url = hub.fleet.url;
    await using small = new GitRepository({ url, directory, environment: process.env, limits, credentials });
    await small.fetch(undefined, never);
    const { work, url: large } = await fleets.serve("large");
    await writeFile(`${work.directory}/noise`, randomBytes(3 * 1024 ** 2));
    await work.publish({}, "large");
    expect(
      await failureOf(small.sources.fetch({ type: "git", url: large, ref: "main" }, undefined, never)),
    ).toMatchObject({
      name: "SourceError",
      code: "too-large",
    });
  });

  test("what is not there is told by what is missing", async () => {
    await using hub = await fleets.follow();
    await hub.fleet.work.publish({ a: "1" }, "one");
    await hub.repository.fetch(undefined, never);
    const { work, url } = await fleets.serve("lib");
    await work.publish({ a: "1" }, "one");
    const source = (at: string, ref: string, pinned?: string) =>
      failureOf(hub.repository.sources.fetch({ type: "git", url: at, ref }, pinned, never));
    const missing = "0".repeat(39) + "1";
    expect(await source(url, "nope")).toMatchObject({
      code: "not-found",
      message: `${url} has no branch or tag "nope"`,
    });
    expect(await source(url, "abcdef1")).toMatchObject({
      message: expect.stringMatching(/named by its whole id/) as unknown,
    });
    expect(await source(url, missing)).toMatchObject({ code: "not-found" });
    expect(await source(url, "main", `git:${missing}`)).toMatchObject({ code: "not-found" });
    expect(await source(url, "--upload-pack=x")).toMatchObject({ code: "not-found" });
    expect(await source(url.replace("/lib", "/none"), "main")).toMatchObject({ code: "not-found" });
    expect(await source("https://127.0.0.1:1/x", "main")).toMatchObject({ code: "unreachable", mayPass: true });
    expect(await source("https://no-such-host.invalid/x", "main")).toMatchObject({
      code: "unreachable",
      message: expect.stringMatching(/name is not known/) as unknown,
    });
    for (const address of ["file:///etc", "/etc", "ext::sh -c true", "git://127.0.0.1/x", "../x"]) {
      expect(await source(address, "main")).toMatchObject({ code: "unsupported" });
    }
  });

  test.each([
    [
      "http://127.0.0.1:1/x",
      /would be asked without TLS; use https, or allow it with an entry for http:\/\/127\.0\.0\.1:1/,
    ],
    ["https://169.254.169.254/x", /is a link-local address/],
    ["ssh://git@[fe80::1]/x", /is a link-local address/],
    ["git@169.254.1.1:x", /is a link-local address/],
  ])("%s is not asked", async (url, message) => {
    await using hub = await fleets.follow();
    await hub.fleet.work.publish({ a: "1" }, "one");
    await hub.repository.fetch(undefined, never);
    const failure = await failureOf(hub.repository.sources.fetch({ type: "git", url, ref: "main" }, undefined, never));
    expect(failure).toMatchObject({ code: "unsupported", message: expect.stringMatching(message) as unknown });
  });

  test("plain http is asked where an entry of the credentials allows it, and on the server of the hub's own repository", async () => {
    await using hub = await fleets.follow();
    await using plain = await GitServer.start();
    const lib = await plain.createRepository("lib");
    await (await lib.clone()).publish({ "a.yaml": "a: 1\n" }, "lib");
    const allowed = await servers.credentials(`  - { url: '${plain.origin}', allowHttp: true }\n`);
    for (const options of [{ url: lib.url }, { credentials: allowed }]) {
      await using repository = await fleets.another(hub, options);
      await repository.trees.find("sha256:none", never);
      const request = { type: "git", url: lib.url, ref: "main" } as const;
      expect(await repository.sources.fetch(request, undefined, never)).toMatchObject({ moves: true });
    }
  });

  test("a redirect on the same server is followed, and one to another server is not", async () => {
    await using hub = await fleets.follow();
    await using other = await GitServer.start({ tls: servers.certificate });
    const asked: string[] = [];
    const elsewhere = await other.createRepository("lib");
    await (await elsewhere.clone()).publish({ "a.yaml": "a: 2\n" }, "lib");
    let target = "";
    await using moved = await GitServer.start({
      tls: servers.certificate,
      routes: [
        (request, response) => {
          const path = request.url ?? "";
          asked.push(path);
          if (!path.startsWith("/old/")) return Promise.resolve(false);
          response.writeHead(302, { location: `${target}${path.replace("/old/lib", "/lib.git")}` });
          return Promise.resolve(true);
        },
      ],
    });
    const lib = await moved.createRepository("lib");
    const commit = await (await lib.clone()).publish({ "a.yaml": "a: 1\n" }, "lib");
    const entries = [moved, other].map(({ origin }) => `  - { url: '${origin}', caFile: ca.pem }\n`).join("");
    await using repository = await fleets.another(hub, { credentials: await servers.credentials(entries) });
    await repository.trees.find("sha256:none", never);
    const request = { type: "git", url: `${moved.origin}/old/lib`, ref: "main" } as const;
    target = other.origin;
    expect(await failureOf(repository.sources.fetch(request, undefined, never))).toMatchObject({
      code: "not-found",
      message: expect.stringMatching(/follows no redirect to another server/) as unknown,
    });
    target = moved.origin;
    expect(await repository.sources.fetch(request, undefined, never)).toMatchObject({ digest: `git:${commit}` });
    asked.length = 0;
    expect(await repository.sources.fetch(request, undefined, never)).toMatchObject({ digest: `git:${commit}` });
    expect(asked.filter((path) => path.startsWith("/old/"))).toEqual([]);
  });

  test("waiting for a server that is silent ends when it is told to", async () => {
    await using hub = await fleets.follow();
    await hub.fleet.work.publish({ a: "1" }, "one");
    await hub.repository.fetch(undefined, never);
    const called = Promise.withResolvers<{ destroy(): void }>();
    const silent = createTcpServer(called.resolve).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}/x.git`;
    const stop = new AbortController();
    const fetching = failureOf(hub.repository.sources.fetch({ type: "git", url, ref: "main" }, undefined, stop.signal));
    const socket = await called.promise;
    stop.abort(new Error("stopped"));
    expect(await fetching).toMatchObject({ message: "stopped" });
    socket.destroy();
    silent.close();
  });
});

describe("submodules", () => {
  test.each(["https", "ssh"] as const)(
    "stand in the snapshot at their recorded commits, nested ones too, over %s",
    async (over) => {
      await using hub = await fleets.follow(over);
      const inner = await fleets.serve("inner");
      await inner.work.publish({ "deep.yaml": "a: 1\n" }, "inner");
      const outer = await fleets.serve("outer");
      await outer.work.git(
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        `${inner.directory}`,
        "nested/inner",
      );
      await outer.work.git("config", "--file", ".gitmodules", "submodule.nested/inner.url", `../${inner.name}.git`);
      await outer.work.publish({ "top.yaml": "b: 1\n" }, "outer");
      const { work } = hub.fleet;
      await work.git(
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        outer.directory,
        "vendor/outer",
      );
      await work.git("config", "--file", ".gitmodules", "submodule.vendor/outer.url", `../${outer.name}.git`);
      const commit = await work.publish({ "axle.yaml": "" }, "fleet");
      await outer.work.publish({ "later.yaml": "" }, "not recorded");
      await hub.repository.fetch(undefined, never);
      const snapshot = await hub.repository.snapshot(commit, never);
      expect([...snapshot.files.keys()].sort()).toEqual([
        ".gitmodules",
        "axle.yaml",
        "vendor/outer/.gitmodules",
        "vendor/outer/nested/inner/deep.yaml",
        "vendor/outer/top.yaml",
      ]);
      expect(snapshot.warnings).toEqual([]);
      expect(snapshot.submodules).toEqual(["vendor/outer"]);
      const deep = "vendor/outer/nested/inner/deep.yaml";
      expect((await snapshot.readTexts([deep], never)).get(deep)).toBe("a: 1\n");
      // The mirror has them now: the server is not asked again.
      servers.accepted.clear();
      servers.authorized.clear();
      await using again = new GitRepository({ url: hub.fleet.url, directory: hub.directory, environment: process.env });
      expect((await again.snapshot(commit, never)).files.has("vendor/outer/top.yaml")).toBe(true);
      servers.authorized.add(servers.key.publicKey);
    },
  );

  test("one of a server that is silent keeps nobody waiting, nor do others of it", async () => {
    await using hub = await fleets.follow();
    let calls = 0;
    const gate = Promise.withResolvers<undefined>();
    await using slow = await GitServer.start({
      tls: servers.certificate,
      routes: [
        async () => {
          calls += 1;
          await gate.promise;
          return false;
        },
      ],
    });
    const lib = await slow.createRepository("lib");
    await (await lib.clone()).publish({ "a.yaml": "a: 1\n" }, "lib");
    const { work, url } = hub.fleet;
    for (const path of ["one", "two"]) {
      await work.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", lib.directory, path);
      await work.git("config", "--file", ".gitmodules", `submodule.${path}.url`, lib.url);
    }
    const commit = await work.publish({ "axle.yaml": "" }, "fleet");
    const credentials = await servers.credentials(
      `  - { url: '${servers.git.origin}', caFile: ca.pem, token: { token: s3cr3t } }\n  - { url: '${slow.origin}', caFile: ca.pem }\n`,
    );
    const directory = await servers.folder();
    const options = { url, directory, environment: process.env, credentials, now: () => fleets.nowMs, patienceMs: 50 };
    await using repository = new GitRepository(options);
    await repository.fetch(undefined, never);
    const snapshot = await repository.snapshot(commit, never);
    expect([...(snapshot.missing ?? [])]).toMatchObject([
      ["one", { code: "unreachable", message: expect.stringMatching(/takes more than 50 ms, and goes on/) as unknown }],
      ["two", { code: "unreachable" }],
    ]);
    gate.resolve(undefined);
    await eventually(
      async () => {
        fleets.nowMs += 300_000;
        return (await repository.snapshot(commit, never)).missing?.size === 0;
      },
      { what: "both submodules" },
    );
    expect(calls).toBeGreaterThan(0);
  });

  test("a mirror that was lost brings them again, and sources too", async () => {
    await using hub = await fleets.follow();
    const lib = await fleets.serve("lib");
    await lib.work.publish({ "a.yaml": "a: 1\n" }, "lib");
    const { work } = hub.fleet;
    await work.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", lib.directory, "lib");
    await work.git("config", "--file", ".gitmodules", "submodule.lib.url", `../${lib.name}.git`);
    const commit = await work.publish({ "axle.yaml": "" }, "fleet");
    const source = () => hub.repository.sources.fetch({ type: "git", url: lib.url, ref: "main" }, undefined, never);
    const bring = async () => {
      await hub.repository.fetch(undefined, never);
      return hub.repository.snapshot(commit, never);
    };
    await bring();
    const before = await source();
    await rm(join(hub.directory, "mirror.git"), { recursive: true });
    await failureOf(bring());
    await failureOf(bring());
    expect((await bring()).files.has("lib/a.yaml")).toBe(true);
    expect(await source()).toEqual(before);
    expect(await hub.filesOf(before.tree)).toEqual(["a.yaml"]);
  });

  test("a branch of the repository brings its own, as the followed one does", async () => {
    await using hub = await fleets.follow();
    const lib = await fleets.serve("lib");
    await lib.work.publish({ "a.yaml": "a: 1\n" }, "lib");
    const { work } = hub.fleet;
    await work.publish({ "axle.yaml": "" }, "fleet");
    await work.git("checkout", "--quiet", "-b", "staging");
    await work.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", lib.directory, "lib");
    await work.git("config", "--file", ".gitmodules", "submodule.lib.url", `../${lib.name}.git`);
    const pointer = servers.lfs.store("large of staging");
    const staging = await work.publish({ ".gitattributes": "*.big filter=lfs\n", "a.big": pointer }, "staging");
    await hub.repository.fetch(undefined, never);
    const { tree } = await hub.repository.commitOf(staging, never);
    expect(await hub.filesOf(tree)).toEqual([".gitattributes", ".gitmodules", "a.big", "axle.yaml", "lib/a.yaml"]);
    expect(await runGit(join(hub.directory, "mirror.git"), ["show", `${tree}:a.big`])).toBe("large of staging");
  });

  test("one that cannot be had is told by its path, the rest stands, and it is had when it can be", async () => {
    await using hub = await fleets.follow();
    const lib = await fleets.serve("lib");
    await lib.work.publish({ "a.yaml": "a: 1\n" }, "lib");
    const { work } = hub.fleet;
    await work.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", lib.directory, "lib");
    await work.git("config", "--file", ".gitmodules", "submodule.lib.url", `../${lib.name}.git`);
    const commit = await work.publish({ "axle.yaml": "" }, "fleet");
    await hub.repository.fetch(undefined, never);
    servers.accepted.clear();
    const snapshot = await hub.repository.snapshot(commit, never);
    expect([...(snapshot.missing ?? [])]).toMatchObject([
      [
        "lib",
        {
          code: "unauthorized",
          message: expect.stringMatching(/^the submodule "lib": cannot fetch https:.*may have expired/) as unknown,
        },
      ],
    ]);
    expect(snapshot.warnings).toMatchObject([{ severity: "warning", place: { file: "lib" } }]);
    expect([...snapshot.files.keys()]).toEqual([".gitmodules", "axle.yaml"]);
    servers.accepted.add(TOKEN);
    expect(await hub.repository.snapshot(commit, never)).toBe(snapshot);
    fleets.nowMs += 5_000;
    const healed = await hub.repository.snapshot(commit, never);
    expect(healed.missing?.size).toBe(0);
    expect(healed.files.has("lib/a.yaml")).toBe(true);
  });

  test.each([
    ["file:///etc", "unsupported"],
    ["ext::sh -c touch% x", "unsupported"],
    ["-u./payload", "unsafe"],
    ["../../../../x", "unsupported"],
    ["http://127.0.0.1:1/x", "unsupported"],
  ])("a hostile address %j reaches nobody", async (address, code) => {
    await using hub = await fleets.follow();
    const lib = await fleets.serve("lib");
    await lib.work.publish({ a: "1" }, "lib");
    const { work } = hub.fleet;
    await work.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", lib.directory, "lib");
    await work.write({ ".gitmodules": `[submodule "lib"]\n  path = lib\n  url = ${JSON.stringify(address)}\n` });
    const commit = await work.commit("hostile");
    await work.push();
    await hub.repository.fetch(undefined, never);
    const snapshot = await hub.repository.snapshot(commit, never);
    expect(snapshot.missing?.get("lib")).toMatchObject({ code });
  });

  test("a list of submodules that is a link, or no list, is not believed", async () => {
    await using hub = await fleets.follow();
    const lib = await fleets.serve("lib");
    await lib.work.publish({ a: "1" }, "lib");
    const { work } = hub.fleet;
    await work.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", lib.directory, "lib");
    await run("ln", ["-sf", "other", ".gitmodules"], { cwd: work.directory });
    const linked = await work.commit("linked");
    await work.git("rm", "--quiet", "--cached", ".gitmodules");
    await run("rm", [".gitmodules"], { cwd: work.directory });
    await writeFile(`${work.directory}/.gitmodules`, '[submodule "lib\n');
    const broken = await work.commit("broken");
    await work.push();
    await hub.repository.fetch(undefined, never);
    for (const commit of [linked, broken]) {
      expect((await hub.repository.snapshot(commit, never)).missing?.get("lib")).toMatchObject({ code: "unsafe" });
    }
  });

  test("a link of a submodule that leads out of it is refused, and the commit stands without it", async () => {
    await using hub = await fleets.follow();
    const lib = await fleets.serve("lib");
    await run("ln", ["-s", "../../axle.yaml", "out"], { cwd: lib.work.directory });
    await lib.work.commit("link");
    await lib.work.push();
    const { work } = hub.fleet;
    await work.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", lib.directory, "lib");
    await work.git("config", "--file", ".gitmodules", "submodule.lib.url", lib.url);
    const commit = await work.publish({ "axle.yaml": "" }, "fleet");
    await hub.repository.fetch(undefined, never);
    const snapshot = await hub.repository.snapshot(commit, never);
    expect(snapshot.missing?.get("lib")).toMatchObject({ code: "unsafe" });
    expect(snapshot.files.has("axle.yaml")).toBe(true);
  });

  test("a source brings its own, and fails with the one that fails", async () => {
    await using hub = await fleets.follow();
    await hub.fleet.work.publish({ a: "1" }, "one");
    await hub.repository.fetch(undefined, never);
    const inner = await fleets.serve("inner");
    await inner.work.publish({ "deep.yaml": "" }, "inner");
    const outer = await fleets.serve("outer");
    await outer.work.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.directory, "in");
    await outer.work.git("config", "--file", ".gitmodules", "submodule.in.url", `../${inner.name}.git`);
    await outer.work.publish({}, "outer");
    const source = () => hub.repository.sources.fetch({ type: "git", url: outer.url, ref: "main" }, undefined, never);
    expect(await hub.filesOf((await source()).tree)).toEqual([".gitmodules", "in/deep.yaml"]);
    await outer.work.git("config", "--file", ".gitmodules", "submodule.in.url", "../none.git");
    await inner.work.publish({ "more.yaml": "" }, "more");
    await outer.work.git("-c", "protocol.file.allow=always", "-C", "in", "pull", "--quiet");
    await outer.work.publish({}, "broken");
    expect(await failureOf(source())).toMatchObject({
      name: "SourceError",
      code: "not-found",
      message: expect.stringMatching(/^the submodule "in": cannot fetch/) as unknown,
    });
  });
});
