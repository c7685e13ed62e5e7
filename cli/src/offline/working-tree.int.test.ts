import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WorkingTree } from "./working-tree.ts";

let folder: string;
const options = { env: process.env, nowMs: 0 };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "axle-tree-test-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function git(...args: string[]): string {
  const identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
  return execFileSync("git", [...identity, ...args], { cwd: folder, encoding: "utf8" }).trim();
}

function write(path: string, text: string): void {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), text);
}

describe("a working tree", () => {
  it("has the files of a submodule that is checked out, and says of another that it is not", async () => {
    const library = join(folder, "library");
    write("library/deploy/a.yaml", "a: 1\n");
    execFileSync(
      "sh",
      ["-c", "git init -q . && git add -A && git -c user.name=t -c user.email=t@example.com commit -qm lib"],
      { cwd: library },
    );
    write("fleet/axle.yaml", "");
    git("init", "-q", "fleet");
    for (const path of ["vendor/one", "vendor/two"]) {
      git("-C", "fleet", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library, path);
    }
    rmSync(join(folder, "fleet/vendor/two"), { recursive: true });
    await using tree = await WorkingTree.read(join(folder, "fleet"), options);
    expect([...tree.files.keys()]).toEqual([".gitmodules", "axle.yaml", "vendor/one/deploy/a.yaml"]);
    expect(tree.submodules).toEqual(["vendor/one", "vendor/two"]);
    expect([...tree.missing]).toMatchObject([
      ["vendor/two", { message: expect.stringContaining("git submodule update --init") as unknown }],
    ]);
  });

  it("gives files and folders the ids Git gives them", async () => {
    write("a/b.yaml", "b: 1\n");
    write("a-c/d.yaml", "d: 1\n");
    write("a.yaml", "");
    write("run.sh", "#!/bin/sh\n");
    chmodSync(join(folder, "run.sh"), 0o755);
    symlinkSync("../a.yaml", join(folder, "a", "link.yaml"));
    git("init", "-q");
    git("add", "-A");
    git("commit", "-q", "-m", "all");

    await using tree = await WorkingTree.read(folder, options);

    expect(tree.folders.get("")).toBe(git("rev-parse", "HEAD^{tree}"));
    expect(tree.folders.get("a")).toBe(git("rev-parse", "HEAD:a"));
    expect(tree.files.get("a/b.yaml")?.oid).toBe(git("rev-parse", "HEAD:a/b.yaml"));
  });

  it("has new files and lacks ignored and deleted ones in a Git checkout", async () => {
    git("init", "-q");
    write(".gitignore", "secret.yaml\n");
    write("gone.yaml", "x: 1\n");
    git("add", "-A");
    write("new.yaml", "x: 1\n");
    write("secret.yaml", "x: 1\n");
    rmSync(join(folder, "gone.yaml"));

    await using tree = await WorkingTree.read(folder, options);

    expect([...tree.files.keys()]).toEqual([".gitignore", "new.yaml"]);
  });

  it("has every file of a folder that is no checkout", async () => {
    write("axle.yaml", "kind: Fleet\n");
    write("deep/er/x.yaml", "x: 1\n");

    await using tree = await WorkingTree.read(folder, options);

    expect([...tree.files.keys()]).toEqual(["axle.yaml", "deep/er/x.yaml"]);
    const texts = await tree.readTexts(["deep/er/x.yaml"], AbortSignal.timeout(1_000));
    expect(texts.get("deep/er/x.yaml")).toBe("x: 1\n");
  });

  it("refuses text that is not UTF-8 as the hub does, and says where it is", async () => {
    write("app.yaml", "kind: App\n");
    writeFileSync(join(folder, "app.yaml"), Buffer.from("kind: App\n# caf\xe9\n", "latin1"));
    await using tree = await WorkingTree.read(folder, options);
    await expect(tree.readTexts(["app.yaml"], AbortSignal.timeout(1_000))).rejects.toThrow(
      "app.yaml:2:6: this is not UTF-8 text",
    );
  });

  it("says which link leads nowhere when it is read", async () => {
    symlinkSync("nowhere", join(folder, "app.yaml"));
    await using tree = await WorkingTree.read(folder, options);
    await expect(tree.readTexts(["app.yaml"], AbortSignal.timeout(1_000))).rejects.toThrow(
      "app.yaml is a link to nowhere, which is no file",
    );
  });

  it.each(["/etc/passwd", "../../outside", ".."])("refuses a link to %s and says which file it is", async (target) => {
    write("app/x.yaml", "x: 1\n");
    symlinkSync(target, join(folder, "link"));
    await expect(WorkingTree.read(folder, options)).rejects.toThrow(/^link is a link to .* outside of the repository$/);
  });
});
