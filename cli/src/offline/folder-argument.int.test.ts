import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { folderOf } from "./folder-argument.ts";

test("a command without a folder works on the checkout around where somebody stands", async () => {
  await using scratch = await createTemporaryDirectory("folder");
  const root = join(scratch.path, "fleet");
  const deep = join(root, "apps", "web");
  await mkdir(deep, { recursive: true });
  expect(folderOf(undefined, { cwd: deep })).toBe(deep);
  await writeFile(join(root, "axle.yaml"), "");
  expect(folderOf(undefined, { cwd: deep })).toBe(root);
  expect(folderOf(undefined, { cwd: root })).toBe(root);
});

test("a folder that is given is taken as it is", async () => {
  await using scratch = await createTemporaryDirectory("folder");
  await mkdir(join(scratch.path, "apps"));
  await writeFile(join(scratch.path, "axle.yaml"), "");
  expect(folderOf("apps", { cwd: scratch.path })).toBe(join(scratch.path, "apps"));
  expect(folderOf(".", { cwd: join(scratch.path, "apps") })).toBe(join(scratch.path, "apps"));
});
