import { execFileSync } from "node:child_process";
import { lstat, mkdir, readdir, readFile, stat, symlink, unlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Checkout } from "@axle/testkit/checkout.ts";
import { runGit } from "@axle/testkit/run-git.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import type { Composition, SourceFile } from "../../source-ports.ts";
import { MountError } from "../../sources/mount-error.ts";
import { GitRepository, type GitRepositoryOptions } from "./git-repository.ts";

const never = new AbortController().signal;
const MOUNT = ".axle/sources/git/x";
let scratch: TemporaryDirectory;
let counter = 0;

beforeAll(async () => {
  scratch = await createTemporaryDirectory("composition");
});

afterAll(async () => {
  await scratch[Symbol.asyncDispose]();
});

interface Fixture extends AsyncDisposable {
  readonly work: Checkout;
  readonly mirror: string;
  readonly repository: GitRepository;
  push(): Promise<string>;
}

async function fixture(options: Partial<GitRepositoryOptions> = {}): Promise<Fixture> {
  counter += 1;
  const folder = join(scratch.path, String(counter));
  const origin = join(folder, "origin.git");
  await mkdir(folder);
  await runGit(folder, ["init", "--quiet", "--bare", "--initial-branch=main", origin]);
  const work = await Checkout.clone(origin, join(folder, "work"));
  const directory = join(folder, "data");
  const repository = new GitRepository({ url: origin, directory, environment: process.env, ...options });
  return {
    work,
    mirror: join(directory, "mirror.git"),
    repository,
    async push() {
      await work.commit("next");
      await work.push();
      return (await repository.fetch(undefined, never)).head;
    },
    [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
  };
}

function filesOf(texts: Readonly<Record<string, string>>): readonly SourceFile[] {
  return Object.entries(texts).map(([path, text]) => ({ path, executable: false, content: Buffer.from(text) }));
}

function composition(mounts: Record<string, string>, replaced: Record<string, string> = {}): Composition {
  return { mounts: new Map(Object.entries(mounts)), replaced: new Map(Object.entries(replaced)) };
}

async function read(root: string, path: string): Promise<string> {
  return readFile(join(root, path), "utf8");
}

describe("a snapshot of several sources", () => {
  test("holds the commit's files, mounted trees and replaced files, on disk and in its maps", async () => {
    await using fleet = await fixture();
    await fleet.work.write({ "axle.yaml": "a", "apps/web/kustomization.yaml": "resources: [https://x]" });
    const head = await fleet.push();
    const tree = await fleet.repository.trees.keep("git:1", filesOf({ "base/one.yaml": "1", "two.yaml": "2" }), never);
    const replaced = { "apps/web/kustomization.yaml": "resources: [../../.axle]" };
    const snapshot = await fleet.repository.snapshot(head, never, composition({ [MOUNT]: tree }, replaced));
    expect(await read(snapshot.root, `${MOUNT}/base/one.yaml`)).toBe("1");
    expect(await read(snapshot.root, "apps/web/kustomization.yaml")).toBe("resources: [../../.axle]");
    expect(snapshot.folders.get(MOUNT)).toBe(tree);
    expect([...snapshot.files.keys()].sort()).toEqual(
      [`${MOUNT}/base/one.yaml`, `${MOUNT}/two.yaml`, "apps/web/kustomization.yaml", "axle.yaml"].sort(),
    );
    const texts = await snapshot.readTexts(["apps/web/kustomization.yaml", `${MOUNT}/two.yaml`], never);
    expect([...texts.values()]).toEqual(["resources: [../../.axle]", "2"]);
  });

  test("gives every folder the id Git would give it", async () => {
    await using fleet = await fixture();
    await fleet.work.write({ "axle.yaml": "a", "apps/a.yaml": "1", "apps-b/x.yaml": "2" });
    const head = await fleet.push();
    const tree = await fleet.repository.trees.keep("git:1", filesOf({ "x/y.yaml": "y", x0: "z", "x-1": "z" }), never);
    const laid = composition(
      { [MOUNT]: tree, "apps/charts/dep": tree },
      { "apps/a.yaml": "one", "apps/new.yaml": "n" },
    );
    const snapshot = await fleet.repository.snapshot(head, never, laid);
    const copy = join(scratch.path, `copy-${counter}`);
    await runGit(scratch.path, ["init", "--quiet", copy]);
    execFileSync("cp", ["-r", `${snapshot.root}/.`, copy]);
    await runGit(copy, ["add", "--all", "--force"]);
    const root = (await runGit(copy, ["write-tree"])).trim();
    expect(snapshot.folders.get("")).toBe(root);
    expect(snapshot.folders.get("apps")).toBe((await runGit(copy, ["rev-parse", `${root}:apps`])).trim());
  });

  test("changes only what differs on disk, and brings the commit's own back", async () => {
    await using fleet = await fixture();
    await fleet.work.write({ "axle.yaml": "a", "apps/a.yaml": "1" });
    const head = await fleet.push();
    const { trees } = fleet.repository;
    const first = await trees.keep("git:1", filesOf({ "same.yaml": "s", "old.yaml": "o" }), never);
    const second = await trees.keep("git:2", filesOf({ "same.yaml": "s", "new.yaml": "n" }), never);
    const one = await fleet.repository.snapshot(head, never, composition({ [MOUNT]: first }, { "apps/a.yaml": "2" }));
    const inode = (await stat(join(one.root, MOUNT, "same.yaml"))).ino;
    const again = await fleet.repository.snapshot(head, never, composition({ [MOUNT]: first }, { "apps/a.yaml": "2" }));
    expect(again).toBe(one);
    const two = await fleet.repository.snapshot(head, never, composition({ [MOUNT]: second }));
    expect((await stat(join(two.root, MOUNT, "same.yaml"))).ino).toBe(inode);
    expect((await readdir(join(two.root, MOUNT))).sort()).toEqual(["new.yaml", "same.yaml"]);
    expect(await read(two.root, "apps/a.yaml")).toBe("1");
    const bare = await fleet.repository.snapshot(head, never);
    expect((await readdir(bare.root)).sort()).toEqual(["apps", "axle.yaml"]);
  });

  test("lets a source stand in a folder of the commit, and another inside a source", async () => {
    await using fleet = await fixture();
    await fleet.work.write({ "chart/Chart.yaml": "c", "chart/charts/dep/old.yaml": "o" });
    const head = await fleet.push();
    const dep = await fleet.repository.trees.keep("sha256:1", filesOf({ "Chart.yaml": "d" }), never);
    const laid = composition({ "chart/charts/dep": dep, [MOUNT]: dep, [`${MOUNT}/charts/dep`]: dep });
    const { root } = await fleet.repository.snapshot(head, never, laid);
    expect(await readdir(join(root, "chart/charts/dep"))).toEqual(["Chart.yaml"]);
    expect(await read(root, `${MOUNT}/charts/dep/Chart.yaml`)).toBe("d");
  });
});

describe("what must not stand in a snapshot", () => {
  test.each([
    [".axle/sources/x/a.yaml", ".axle/sources"],
    [".axle/sources", ".axle/sources"],
    [".axle", ".axle"],
  ])("a commit that holds %s is refused with what to do", async (path, named) => {
    await using fleet = await fixture();
    await fleet.work.write({ [path]: "x" });
    const head = await fleet.push();
    const failed = fleet.repository.snapshot(head, never);
    await expect(failed).rejects.toMatchObject({ code: "escapes", file: named });
    await expect(failed).rejects.toThrow(/remove it from the repository/);
  });

  test("a commit's own files beside it in .axle are as good as any", async () => {
    await using fleet = await fixture();
    await fleet.work.write({ ".axle/client.json": "{}" });
    const head = await fleet.push();
    const tree = await fleet.repository.trees.keep("git:1", filesOf({ a: "1" }), never);
    const { files } = await fleet.repository.snapshot(head, never, composition({ [MOUNT]: tree }));
    expect([...files.keys()].sort()).toEqual([".axle/client.json", `${MOUNT}/a`]);
  });

  test("a link of the commit that leads into the sources", async () => {
    await using fleet = await fixture();
    await fleet.work.write({ a: "1" });
    await symlink(".axle/sources/git/x", join(fleet.work.directory, "sneak"));
    const head = await fleet.push();
    await expect(fleet.repository.snapshot(head, never)).rejects.toThrow(/sneak.*leads into \.axle\/sources/);
  });

  test.each(["../../../../axle.yaml", "../../git/other/secret", "/etc/passwd"])(
    "a mount with a link to %s: the error names the mount, and the rest can be had",
    async (target) => {
      await using fleet = await fixture();
      await fleet.work.write({ "axle.yaml": "a" });
      const main = await fleet.push();
      await symlink(target, join(fleet.work.directory, "out"));
      await fleet.work.commit("a link");
      await fleet.work.git("push", "--quiet", "origin", "HEAD:refs/heads/linked");
      await fleet.work.git("push", "--quiet", "--force", "origin", "HEAD:refs/heads/main");
      await fleet.repository.fetch(undefined, never);
      const tree = await fleet.work.git("rev-parse", "HEAD^{tree}");
      const failed = fleet.repository.snapshot(main, never, composition({ [MOUNT]: tree }));
      await expect(failed).rejects.toBeInstanceOf(MountError);
      await expect(failed).rejects.toMatchObject({ mount: MOUNT, error: { code: "unsafe" } });
      expect((await fleet.repository.snapshot(main, never)).files.size).toBe(1);
    },
  );

  test("a link of a mount that a dependency's place would lead out of the repository", async () => {
    await using fleet = await fixture();
    await fleet.work.write({ "a/b/c/d/e/f/g/h/charts/x.yaml": "1" });
    await symlink(
      "a/b/c/d/e/f/g/h/charts/dep/../../../../../../../../../etc/passwd",
      join(fleet.work.directory, "out"),
    );
    const head = await fleet.push();
    const tree = await fleet.work.git("rev-parse", "HEAD^{tree}");
    const links = new Map([[`${MOUNT}/a/b/c/d/e/f/g/h/charts/dep`, "../../../../../../../../../y"]]);
    expect((await fleet.repository.snapshot(head, never, composition({ [MOUNT]: tree }))).links.size).toBe(2);
    const failed = fleet.repository.snapshot(head, never, { ...composition({ [MOUNT]: tree }), links });
    await expect(failed).rejects.toMatchObject({ mount: MOUNT, error: { code: "unsafe" } });
  });

  test("links inside a mount work there, and a file that replaces a link is none", async () => {
    await using fleet = await fixture();
    await fleet.work.write({ "base/a.yaml": "1" });
    await symlink("base/a.yaml", join(fleet.work.directory, "a.yaml"));
    const head = await fleet.push();
    const tree = await fleet.work.git("rev-parse", "HEAD^{tree}");
    const snapshot = await fleet.repository.snapshot(head, never, composition({ [MOUNT]: tree }, { "a.yaml": "own" }));
    expect([...snapshot.links]).toEqual([[`${MOUNT}/a.yaml`, "base/a.yaml"]]);
    expect((await lstat(join(snapshot.root, "a.yaml"))).isSymbolicLink()).toBe(false);
    expect(await read(snapshot.root, `${MOUNT}/a.yaml`)).toBe("1");
    expect(await read(snapshot.root, "base/a.yaml")).toBe("1");
  });

  test("a mount that is too large beside the commit", async () => {
    await using fleet = await fixture({ limits: { entries: 6 } });
    await fleet.work.write({ a: "1", b: "2", c: "3" });
    const head = await fleet.push();
    const tree = await fleet.repository.trees.keep("git:1", filesOf({ a: "1", b: "1", c: "1", d: "1" }), never);
    const failed = fleet.repository.snapshot(head, never, composition({ [MOUNT]: tree }));
    await expect(failed).rejects.toMatchObject({ mount: MOUNT, error: { code: "too-large" } });
  });
});

describe("kept trees", () => {
  test("are found again by another process, also when nothing was fetched yet", async () => {
    await using fleet = await fixture();
    const files = filesOf({ "templates/a.yaml": "a", "Chart.yaml": "c" });
    const tree = await fleet.repository.trees.keep("sha256:0a", files, never);
    await using other = new GitRepository({
      url: fleet.work.directory,
      directory: join(fleet.mirror, ".."),
      environment: process.env,
    });
    expect(await other.trees.find("sha256:0a", never)).toBe(tree);
    expect(await other.trees.find("sha256:0b", never)).toBeUndefined();
    expect(await runGit(fleet.mirror, ["fsck", "--strict"])).not.toMatch(/error|missing|broken/);
  });

  test("survive packing and fetches", async () => {
    await using fleet = await fixture();
    await fleet.work.write({ a: "1" });
    const head = await fleet.push();
    const tree = await fleet.repository.trees.keep("git:1", filesOf({ a: "kept" }), never);
    await runGit(fleet.mirror, ["gc", "--quiet", "--prune=now"]);
    await fleet.push();
    const { root } = await fleet.repository.snapshot(head, never, composition({ [MOUNT]: tree }));
    expect(await read(root, `${MOUNT}/a`)).toBe("kept");
  });

  test("are not found when a content of theirs is gone", async () => {
    await using fleet = await fixture();
    await fleet.repository.trees.keep("git:1", filesOf({ a: "content to lose" }), never);
    const blob = execFileSync("git", ["hash-object", "--stdin"], { input: "content to lose", encoding: "utf8" }).trim();
    await unlink(join(fleet.mirror, "objects", blob.slice(0, 2), blob.slice(2)));
    await using other = new GitRepository({
      url: fleet.work.directory,
      directory: join(fleet.mirror, ".."),
      environment: process.env,
    });
    expect(await other.trees.find("git:1", never)).toBeUndefined();
  });
});
