import { execFile, execFileSync } from "node:child_process";
import { chmod, lstat, mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Checkout } from "@axle/testkit/checkout.ts";
import { GitServer } from "@axle/testkit/git-server.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { GitRepository, type GitRepositoryOptions } from "./git-repository.ts";

const never = new AbortController().signal;
let server: GitServer;
let scratch: TemporaryDirectory;
let counter = 0;

beforeAll(async () => {
  server = await GitServer.start();
  scratch = await createTemporaryDirectory("git-repository");
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await scratch[Symbol.asyncDispose]();
});

interface Fixture extends AsyncDisposable {
  readonly work: Checkout;
  readonly url: string;
  /** The bare repository that is pushed to. */
  readonly origin: string;
  readonly directory: string;
  readonly repository: GitRepository;
}

async function fixture(options: Partial<GitRepositoryOptions> = {}): Promise<Fixture> {
  counter += 1;
  const origin = await server.createRepository(`fleet-${counter}`);
  const work = await origin.clone();
  const directory = join(scratch.path, `data-${counter}`);
  const url = origin.url;
  const repository = new GitRepository({ url, directory, environment: process.env, ...options });
  const dispose = (): Promise<void> => repository[Symbol.asyncDispose]();
  return { work, url, origin: origin.directory, directory, repository, [Symbol.asyncDispose]: dispose };
}

/** Everything on disk below a folder: kind, mode and content by path. */
async function readDisk(root: string): Promise<Record<string, string>> {
  const disk: Record<string, string> = {};
  for (const path of await readdir(root, { recursive: true })) {
    const stat = await lstat(join(root, path));
    if (stat.isSymbolicLink()) disk[path] = `-> ${await readlink(join(root, path))}`;
    else if (stat.isDirectory()) disk[path] = "folder";
    else disk[path] = `${(stat.mode & 0o777).toString(8)} ${await readFile(join(root, path), "utf8")}`;
  }
  return disk;
}

/** Writes a commit that git itself would not let anybody make, straight into the bare repository. */
function writeHostileCommit(
  origin: string,
  entries: readonly (readonly [mode: string, name: string, content: string])[],
): string {
  const run = (args: readonly string[], input?: Buffer | string): string =>
    execFileSync("git", ["-C", origin, ...args], { input: input ?? "", encoding: "utf8" }).trim();
  const tree = Buffer.concat(
    entries.map(([mode, name, content]) => {
      const oid = run(["hash-object", "-w", "--stdin"], content);
      return Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(oid, "hex")]);
    }),
  );
  const oid = run(["hash-object", "-t", "tree", "-w", "--stdin", "--literally"], tree);
  const author = "A <a@example.com> 1700000000 +0000";
  const text = `tree ${oid}\nauthor ${author}\ncommitter ${author}\n\nhostile\n`;
  const commit = run(["hash-object", "-t", "commit", "-w", "--stdin"], text);
  run(["update-ref", "refs/heads/main", commit]);
  return commit;
}

describe("fetching over HTTP", () => {
  test("follows the default branch, and tells a rewritten history from one that goes on", async () => {
    await using fleet = await fixture();
    const first = await fleet.work.publish({ a: "1" }, "one");
    expect(await fleet.repository.fetch(undefined, never)).toMatchObject({ head: first, rewritten: false });
    const second = await fleet.work.publish({ a: "2" }, "two");
    expect(await fleet.repository.fetch(first, never)).toMatchObject({ head: second, rewritten: false });
    expect(await fleet.repository.fetch(second, never)).toMatchObject({ head: second, rewritten: false });
    await fleet.work.git("reset", "--hard", "--quiet", first);
    await fleet.work.write({ a: "3" });
    const other = await fleet.work.commit("another two");
    await fleet.work.push("--force");
    expect(await fleet.repository.fetch(second, never)).toMatchObject({ head: other, rewritten: true });
    expect(await fleet.repository.fetch(first, never)).toMatchObject({ head: other, rewritten: false });
  });

  test("knows an ancestor from far back, and a commit it never saw as none", async () => {
    await using fleet = await fixture();
    const first = await fleet.work.publish({ a: "1" }, "one");
    for (let index = 0; index < 80; index += 1)
      await fleet.work.git("commit", "--quiet", "--allow-empty", "-m", `${index}`);
    await fleet.work.push();
    const head = await fleet.work.head();
    expect(await fleet.repository.fetch(first, never)).toMatchObject({ head, rewritten: false });
    expect(await fleet.repository.fetch("1".repeat(40), never)).toMatchObject({ head, rewritten: true });
  });

  test("follows a branch that was named, and no other", async () => {
    await using fleet = await fixture({ branch: "release/1.x" });
    await fleet.work.publish({ a: "1" }, "main");
    await expect(fleet.repository.fetch(undefined, never)).rejects.toMatchObject({ code: "branch-missing" });
    await fleet.work.git("checkout", "--quiet", "-b", "release/1.x");
    const head = await fleet.work.publish({ a: "2" }, "release");
    expect(await fleet.repository.fetch(undefined, never)).toMatchObject({ head });
  });

  test("says of an empty repository that it has no commit, and follows it once it has one", async () => {
    await using fleet = await fixture();
    await expect(fleet.repository.fetch(undefined, never)).rejects.toMatchObject({ code: "branch-missing" });
    const head = await fleet.work.publish({ a: "1" }, "one");
    expect(await fleet.repository.fetch(undefined, never)).toMatchObject({ head });
  });

  test("says where nothing answers, and where nothing is", async () => {
    const directory = join(scratch.path, "nowhere");
    await using away = new GitRepository({ url: "http://127.0.0.1:1/x.git", directory, environment: process.env });
    await expect(away.fetch(undefined, never)).rejects.toMatchObject({ code: "unreachable" });
    const url = `http://127.0.0.1:${server.port}/no-such-thing.git`;
    await using missing = new GitRepository({ url, directory: `${directory}-2`, environment: process.env });
    await expect(missing.fetch(undefined, never)).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("check the repository address") as unknown,
    });
  });

  test("goes on in what an earlier process left: its locks, its objects", async () => {
    await using fleet = await fixture();
    const first = await fleet.work.publish({ a: "1" }, "one");
    await fleet.repository.fetch(undefined, never);
    await fleet.repository[Symbol.asyncDispose]();
    await writeFile(join(fleet.directory, "mirror.git/refs/heads/main.lock"), "");
    await writeFile(join(fleet.directory, "mirror.git/packed-refs.lock"), "");
    const second = await fleet.work.publish({ a: "2" }, "two");
    await using again = new GitRepository({ url: fleet.url, directory: fleet.directory, environment: process.env });
    expect(await again.snapshot(first, never)).toMatchObject({ subject: "one" });
    expect(await again.fetch(first, never)).toMatchObject({ head: second, rewritten: false });
  });

  test("a damaged mirror heals: the damage is told once, then it is fetched again", async () => {
    await using fleet = await fixture();
    const head = await fleet.work.publish({ a: "1", "b/c": "2" }, "one");
    await fleet.repository.fetch(undefined, never);
    await fleet.repository[Symbol.asyncDispose]();
    const objects = join(fleet.directory, "mirror.git/objects");
    for (const path of await readdir(objects, { recursive: true })) {
      const file = join(objects, path);
      if (!(await lstat(file)).isFile()) continue;
      await chmod(file, 0o600);
      await writeFile(file, "");
    }
    await expect(fleet.repository.snapshot(head, never)).rejects.toMatchObject({ code: "corrupt" });
    expect(await fleet.repository.fetch(undefined, never)).toMatchObject({ head, rewritten: false });
    expect((await fleet.repository.snapshot(head, never)).files.size).toBe(2);
  });

  test("stops when it is told to", async () => {
    await using fleet = await fixture();
    await fleet.work.publish({ a: "1" }, "one");
    const stopped = AbortSignal.abort(new Error("stopped by the test"));
    await expect(fleet.repository.fetch(undefined, stopped)).rejects.toThrow("stopped by the test");
  });
});

describe("a snapshot", () => {
  test("has every file with its mode, folders with ids, texts, and who committed what when", async () => {
    await using fleet = await fixture();
    await fleet.work.write({ "apps/web/cm.yaml": "a: 1\n", "run.sh": "#!/bin/sh\n", "bom.yaml": "\ufeffa: 1\n" });
    await chmod(join(fleet.work.directory, "run.sh"), 0o755);
    await symlink("apps/web/cm.yaml", join(fleet.work.directory, "link.yaml"));
    const head = await fleet.work.commit("A subject\n\nand a body");
    await fleet.work.push();
    await fleet.repository.fetch(undefined, never);
    const snapshot = await fleet.repository.snapshot(head, never);
    expect(snapshot).toMatchObject({ commit: head, subject: "A subject" });
    expect(Math.abs(snapshot.committedAtMs - Date.now())).toBeLessThan(60_000);
    expect([...snapshot.files].map(([path, { mode, size }]) => `${mode} ${path} ${size}`).sort()).toEqual([
      "executable run.sh 10",
      "file apps/web/cm.yaml 5",
      "file bom.yaml 8",
      "link link.yaml 16",
    ]);
    expect(snapshot.folders.get("apps")).toBe(await fleet.work.git("rev-parse", "HEAD:apps"));
    expect(snapshot.links).toEqual(new Map([["link.yaml", "apps/web/cm.yaml"]]));
    const texts = await snapshot.readTexts(["link.yaml", "bom.yaml"], never);
    expect([...texts.values()]).toEqual(["a: 1\n", "a: 1\n"]);
    expect(await readDisk(snapshot.root)).toEqual({
      apps: "folder",
      "apps/web": "folder",
      "apps/web/cm.yaml": "644 a: 1\n",
      "bom.yaml": "644 \ufeffa: 1\n",
      "link.yaml": "-> apps/web/cm.yaml",
      "run.sh": "755 #!/bin/sh\n",
    });
  });

  test("following commits one by one leaves what git itself checks out", async () => {
    await using fleet = await fixture();
    const contents = fc.dictionary(
      fc.constantFrom("a", "b", "d/a", "d/b", "d/e/a", "f/a"),
      fc.constantFrom("1", "2", "3"),
      { minKeys: 1 },
    );
    const histories = fc.sample(contents, { numRuns: 12, seed: 7 });
    for (const files of histories) {
      for (const path of await readdir(fleet.work.directory)) {
        if (path !== ".git") await rm(join(fleet.work.directory, path), { recursive: true });
      }
      const head = await fleet.work.publish(files, "next");
      await fleet.repository.fetch(undefined, never);
      const snapshot = await fleet.repository.snapshot(head, never);
      const expected = await readDisk(fleet.work.directory);
      for (const path of Object.keys(expected)) if (path.startsWith(".git")) delete expected[path];
      expect(await readDisk(snapshot.root)).toEqual(expected);
      expect([...snapshot.files.keys()].sort()).toEqual(Object.keys(files).sort());
    }
  });

  test("a folder becomes a file, a file a link, a link a folder", async () => {
    await using fleet = await fixture();
    const shapes: (() => Promise<unknown>)[] = [
      () => fleet.work.write({ "x/a": "1", y: "2", z: "3" }),
      () => fleet.work.write({ x: null }).then(() => fleet.work.write({ x: "now a file" })),
      () => rm(join(fleet.work.directory, "y")).then(() => symlink("z", join(fleet.work.directory, "y"))),
      () => fleet.work.write({ y: null }).then(() => fleet.work.write({ "y/deep/a": "1" })),
    ];
    for (const shape of shapes) {
      await shape();
      const head = await fleet.work.commit("shape");
      await fleet.work.push();
      await fleet.repository.fetch(undefined, never);
      const { root } = await fleet.repository.snapshot(head, never);
      const expected = await readDisk(fleet.work.directory);
      for (const path of Object.keys(expected)) if (path.startsWith(".git")) delete expected[path];
      expect(await readDisk(root)).toEqual(expected);
    }
  });

  test("a tree that somebody touched is built again", async () => {
    await using fleet = await fixture();
    const first = await fleet.work.publish({ "a/b": "1", c: "1" }, "one");
    await fleet.repository.fetch(undefined, never);
    const { root } = await fleet.repository.snapshot(first, never);
    await rm(join(root, "a"), { recursive: true });
    const second = await fleet.work.publish({ "a/b": null, "a/d": "2" }, "two");
    await fleet.repository.fetch(undefined, never);
    await fleet.repository.snapshot(second, never);
    expect(await readDisk(root)).toEqual({ a: "folder", "a/d": "644 2", c: "644 1" });
  });

  test("streams a large file", async () => {
    await using fleet = await fixture();
    const large = "0123456789abcdef".repeat(600_000);
    const head = await fleet.work.publish({ large }, "large");
    await fleet.repository.fetch(undefined, never);
    const { root } = await fleet.repository.snapshot(head, never);
    expect((await readFile(join(root, "large"), "utf8")) === large).toBe(true);
  });

  test("warns of submodules and of names that are not UTF-8", async () => {
    await using fleet = await fixture();
    const head = await fleet.work.publish({ a: "1" }, "one");
    await fleet.work.git("update-index", "--add", "--cacheinfo", `160000,${head},modules/other`);
    await fleet.work.git("commit", "--quiet", "-m", "submodule");
    await fleet.work.push();
    const { head: second } = await fleet.repository.fetch(undefined, never);
    const snapshot = await fleet.repository.snapshot(second, never);
    expect(snapshot.warnings).toMatchObject([{ code: "ignored", place: { file: "modules/other" } }]);
    expect([...snapshot.files.keys()]).toEqual(["a"]);
  });

  test("says which text is not UTF-8", async () => {
    await using fleet = await fixture();
    await writeFile(join(fleet.work.directory, "latin.yaml"), Buffer.from([0x61, 0xfc]));
    const head = await fleet.work.commit("latin");
    await fleet.work.push();
    await fleet.repository.fetch(undefined, never);
    const snapshot = await fleet.repository.snapshot(head, never);
    await expect(snapshot.readTexts(["latin.yaml"], never)).rejects.toMatchObject({
      code: "encoding",
      file: "latin.yaml",
    });
  });
});

describe("a hostile commit", () => {
  test.each([
    [
      "a link out",
      { "apps/a": "../../../etc" },
      /the link "apps\/a" -> "\.\.\/\.\.\/\.\.\/etc" leaves the repository;/,
    ],
    ["an absolute link", { a: "/etc/passwd" }, /the link "a" -> "\/etc\/passwd" leaves/],
    [
      "a chain of links",
      { a: "b/../../..", b: "c/d", "c/d": "../e/f" },
      /the link "a" -> "b\/\.\.\/\.\.\/\.\." leaves/,
    ],
    [
      "a link through a link out",
      { a: "x/y", "x/y": "../z", z: "../../out" },
      /leaves the repository, through the link "z"/,
    ],
  ])("with %s is refused, and the tree stays as it was", async (_what, links, message) => {
    await using fleet = await fixture();
    const good = await fleet.work.publish({ ok: "1" }, "good");
    await fleet.repository.fetch(undefined, never);
    const { root } = await fleet.repository.snapshot(good, never);
    for (const [path, target] of Object.entries(links)) {
      await mkdir(join(fleet.work.directory, path, ".."), { recursive: true });
      await symlink(target, join(fleet.work.directory, path));
    }
    const bad = await fleet.work.commit("bad");
    await fleet.work.push();
    await fleet.repository.fetch(undefined, never);
    const refused = fleet.repository.snapshot(bad, never);
    await expect(refused).rejects.toMatchObject({
      code: "escapes",
      message: expect.stringMatching(message) as unknown,
    });
    expect(await readDisk(root)).toEqual({ ok: "644 1" });
  });

  test("with links in a circle, or to nothing, does no harm", async () => {
    await using fleet = await fixture();
    await symlink("b", join(fleet.work.directory, "a"));
    await symlink("a", join(fleet.work.directory, "b"));
    await symlink("missing", join(fleet.work.directory, "c"));
    const head = await fleet.work.commit("circles");
    await fleet.work.push();
    await fleet.repository.fetch(undefined, never);
    expect((await fleet.repository.snapshot(head, never)).links.size).toBe(3);
  });

  test.each([
    [".git", "100644"],
    ["..", "40000"],
    ["a/b", "100644"],
    [".GIT", "40000"],
  ])("with the name %j is refused", async (name, mode) => {
    await using fleet = await fixture();
    await fleet.work.publish({ ok: "1" }, "good");
    const bad = writeHostileCommit(fleet.origin, [[mode, name, "x"]]);
    // Git refuses some of these on the way; whatever it lets through must stop here.
    const outcome = fleet.repository.fetch(undefined, never).then(() => fleet.repository.snapshot(bad, never));
    await expect(outcome).rejects.toMatchObject({ name: "RepositoryError" });
  });

  test("with more files, or larger ones, than the limits is refused before anything is written", async () => {
    await using fleet = await fixture({ limits: { entries: 10, totalBytes: 1000, depth: 4 } });
    const many = Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`f${index}`, ""]));
    const cases: readonly (readonly [Record<string, string | null>, RegExp])[] = [
      [many, /more than 10 files and folders/],
      [
        { ...Object.fromEntries(Object.keys(many).map((path) => [path, null])), large: "x".repeat(2000) },
        /limit is 1 MiB/,
      ],
      [{ large: null, "a/b/c/d/e/f": "1" }, /nested deeper than 4/],
    ];
    for (const [changes, message] of cases) {
      const head = await fleet.work.publish(changes, "large");
      await fleet.repository.fetch(undefined, never);
      const refused = fleet.repository.snapshot(head, never);
      await expect(refused).rejects.toMatchObject({
        code: "too-large",
        message: expect.stringMatching(message) as unknown,
      });
    }
    await expect(lstat(join(fleet.directory, "tree"))).rejects.toThrow();
  });

  test("with a tree that names itself ten times on ten levels ends at the limit of files", async () => {
    await using fleet = await fixture({ limits: { entries: 5000 } });
    const run = (args: readonly string[], input: string): string =>
      execFileSync("git", ["-C", fleet.origin, ...args], { input, encoding: "utf8" }).trim();
    let oid = run(["hash-object", "-w", "--stdin"], "bomb");
    let entry = `100644 blob ${oid}`;
    for (let level = 0; level < 10; level += 1) {
      oid = run(["mktree"], Array.from({ length: 10 }, (_, index) => `${entry}\tf${index}\n`).join(""));
      entry = `040000 tree ${oid}`;
    }
    const author = "A <a@example.com> 1700000000 +0000";
    const text = `tree ${oid}\nauthor ${author}\ncommitter ${author}\n\nbomb\n`;
    const head = run(["hash-object", "-t", "commit", "-w", "--stdin"], text);
    run(["update-ref", "refs/heads/main", head], "");
    await fleet.repository.fetch(undefined, never);
    await expect(fleet.repository.snapshot(head, never)).rejects.toMatchObject({ code: "too-large" });
  });

  test("hooks and configuration of the machine are not run", async () => {
    await using fleet = await fixture();
    const first = await fleet.work.publish({ a: "1" }, "one");
    await fleet.repository.fetch(undefined, never);
    const hooks = join(fleet.directory, "mirror.git/hooks");
    const witness = join(fleet.directory, "ran");
    await mkdir(hooks, { recursive: true });
    for (const hook of ["reference-transaction", "post-fetch", "fsmonitor-watchman"]) {
      await writeFile(join(hooks, hook), `#!/bin/sh\ntouch ${witness}\n`, { mode: 0o755 });
    }
    await fleet.work.publish({ a: "2" }, "two");
    await fleet.repository.fetch(first, never);
    await expect(lstat(witness)).rejects.toThrow();
  });
});

test("no process is left behind", async () => {
  const fleet = await fixture();
  const head = await fleet.work.publish({ a: "1" }, "one");
  await fleet.repository.fetch(undefined, never);
  await fleet.repository.snapshot(head, never);
  await fleet.repository[Symbol.asyncDispose]();
  const processes = await new Promise<string>((resolve) =>
    execFile("ps", ["-eo", "args"], (_error, stdout) => resolve(stdout)),
  );
  expect(processes).not.toContain(fleet.directory);
});
