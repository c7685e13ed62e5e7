import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readJsonFile, writeJsonFile } from "./json-file.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "axle-json-"));
});
afterEach(() => rm(folder, { recursive: true }));

const asNumber = (value: unknown): number => {
  if (typeof value !== "number") throw new TypeError("not a number");
  return value;
};

test("a value is written for the owner only and read again, with nothing left beside it", async () => {
  const path = join(folder, "deep", "value.json");
  await writeJsonFile(path, 1);
  await writeJsonFile(path, 2);
  expect(await readJsonFile(path, asNumber)).toBe(2);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(folder, "deep"))).toEqual(["value.json"]);
});

test("a missing file is undefined, a broken one names itself", async () => {
  const path = join(folder, "value.json");
  expect(await readJsonFile(path, asNumber)).toBeUndefined();
  await writeFile(path, "{");
  await expect(readJsonFile(path, asNumber)).rejects.toMatchObject({ code: "not-json", path });
  await writeFile(path, '"x"');
  await expect(readJsonFile(path, asNumber)).rejects.toMatchObject({ code: "wrong-shape", path });
});
