import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createLogger } from "@axle/runtime/logger.ts";
import { sha256Hex } from "@axle/runtime/crypto/digests.ts";
import { describe, expect, it, onTestFinished } from "vitest";
import { newIdentity } from "../../join/new-identity.ts";
import { DiskCache } from "./disk-cache.ts";
import { IdentityFile } from "./identity-file.ts";
import { cacheKeyOf } from "./sealed-file.ts";

const { keyPem } = newIdentity("");
const key = cacheKeyOf(keyPem);
const digest = (text: string) => sha256Hex(text);
const bytes = (text: string) => new TextEncoder().encode(text);

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "axle-cache-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function open(folder: string, options: { maxBytes?: number; key?: Uint8Array } = {}) {
  const lines: string[] = [];
  const log = createLogger({ destination: { write: (line) => lines.push(line) }, format: "json" });
  return { cache: new DiskCache({ folder, key, maxBytes: 1_000_000, log, ...options }), lines };
}

describe("the cache on the disk", () => {
  it("gives back slice and packs after a restart", async () => {
    const folder = await newFolder();
    const { cache } = open(folder);
    cache.keepSlice("the slice");
    cache.keepPack(digest("a"), bytes("pack a"));
    await cache.settled();
    const { cache: again, lines } = open(folder);
    expect(await again.readSlice()).toBe("the slice");
    expect(Buffer.from((await again.readPack(digest("a"))) ?? []).toString()).toBe("pack a");
    expect(await again.readPack(digest("b"))).toBeUndefined();
    expect(lines).toEqual([]);
  });

  it("S5: holds nothing in the clear, and nothing another agent can open", async () => {
    const folder = await newFolder();
    const { cache } = open(folder);
    cache.keepPack(digest("a"), bytes("hunter2"));
    await cache.settled();
    const path = join(folder, "packs", digest("a"));
    expect(await readFile(path, "latin1")).not.toContain("hunter2");
    expect((await stat(path)).mode & 0o077).toBe(0);
    const { cache: other } = open(folder, { key: cacheKeyOf(newIdentity("").keyPem) });
    expect(await other.readPack(digest("a"))).toBeUndefined();
  });

  it.each<[string, (path: string) => Promise<void>]>([
    [
      "altered",
      async (path) =>
        writeFile(
          path,
          (await readFile(path)).map((byte, i) => (i === 20 ? byte ^ 1 : byte)),
        ),
    ],
    ["cut off", async (path) => writeFile(path, (await readFile(path)).subarray(0, 30))],
    ["emptied", (path) => writeFile(path, "")],
    ["put under another name", async (path) => rename(join(path, "..", digest("b")), path)],
  ])("takes a file that was %s for a miss, says so, and drops it", async (_, harm) => {
    const folder = await newFolder();
    const { cache, lines } = open(folder);
    cache.keepPack(digest("a"), bytes("pack a, long enough to be cut"));
    cache.keepPack(digest("b"), bytes("pack b"));
    await cache.settled();
    await harm(join(folder, "packs", digest("a")));
    expect(await cache.readPack(digest("a"))).toBeUndefined();
    await cache.settled();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("corrupt");
    expect(await readdir(join(folder, "packs"))).not.toContain(digest("a"));
    cache.keepPack(digest("a"), bytes("again"));
    await cache.settled();
    expect(await cache.readPack(digest("a"))).toBeDefined();
  });

  it("stays below its size by dropping what was not used for longest, also over a restart", async () => {
    const folder = await newFolder();
    const { cache } = open(folder, { maxBytes: 300 });
    for (const name of ["a", "b"]) cache.keepPack(digest(name), new Uint8Array(100));
    await cache.settled();
    await cache.readPack(digest("a"));
    await cache.settled();
    const { cache: again } = open(folder, { maxBytes: 300 });
    again.keepPack(digest("c"), new Uint8Array(100));
    await again.settled();
    expect((await readdir(join(folder, "packs"))).sort()).toEqual([digest("a"), digest("c")].sort());
  });

  it("removes what a killed write left behind", async () => {
    const folder = await newFolder();
    await mkdir(join(folder, "packs"));
    await writeFile(join(folder, "packs", `${digest("a")}.0011.tmp`), "half");
    const { cache } = open(folder);
    cache.keepPack(digest("b"), bytes("b"));
    await cache.settled();
    expect(await readdir(join(folder, "packs"))).toEqual([digest("b")]);
  });

  it("a disk that cannot be written is said once and harms nothing", async () => {
    const folder = await newFolder();
    await writeFile(join(folder, "packs"), "a file where the folder should be");
    const { cache, lines } = open(folder);
    for (const name of ["a", "b", "c"]) cache.keepPack(digest(name), bytes(name));
    await cache.settled();
    expect(await cache.readPack(digest("a"))).toBeUndefined();
    cache.keepSlice("the slice goes elsewhere");
    await cache.settled();
    expect(await cache.readSlice()).toBe("the slice goes elsewhere");
    expect(lines.filter((line) => line.includes("cannot be"))).toHaveLength(1);
  });

  it("a disk that is full keeps what it had whole, leaves no half files, and is used again when there is room", async () => {
    const folder = await newFolder();
    const script = fileURLToPath(new URL("./full-disk.test-support.ts", import.meta.url));
    // A limit of some kilobytes for each file; the process runs on, its writes fail.
    const limited = ["-c", 'ulimit -f 64; exec "$0" "$@"', process.execPath, script, folder];
    const { stdout, stderr } = await promisify(execFile)("sh", limited);
    expect(JSON.parse(stdout)).toEqual({ slice: "the first slice", small: 100, again: 100 });
    const said = stderr.split("\n").filter((line) => line !== "");
    expect(said.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      expect.stringContaining("the cache cannot be written"),
      expect.stringContaining("the cache can be written again"),
    ]);
    const files = [...(await readdir(folder)), ...(await readdir(join(folder, "packs")))];
    expect(files.sort()).toEqual([digest("again"), "packs", digest("small"), "slice"].sort());
  });

  it("takes a slice that was altered for none, and keeps the next one", async () => {
    const folder = await newFolder();
    const { cache, lines } = open(folder);
    cache.keepSlice("the slice");
    await cache.settled();
    const path = join(folder, "slice");
    await writeFile(path, (await readFile(path)).subarray(1));
    expect(await cache.readSlice()).toBeUndefined();
    cache.keepSlice("the next");
    await cache.settled();
    expect(await cache.readSlice()).toBe("the next");
    expect(lines.filter((line) => line.includes("corrupt"))).toHaveLength(1);
  });
});

describe("the identity in a file", () => {
  it("is read as it was written, by its owner only", async () => {
    const path = join(await newFolder(), "sub", "identity.json");
    const file = new IdentityFile(path);
    expect(await file.load()).toBeUndefined();
    const identity = newIdentity("a");
    await file.save(identity);
    expect(await file.load()).toEqual(identity);
    expect((await stat(path)).mode & 0o077).toBe(0);
  });

  it("is not replaced by a new one when it cannot be read", async () => {
    const path = join(await newFolder(), "identity.json");
    await writeFile(path, "{");
    await expect(new IdentityFile(path).load()).rejects.toMatchObject({ code: "not-json" });
    await writeFile(path, '{"keyPem": 1}');
    await chmod(path, 0o600);
    await expect(new IdentityFile(path).load()).rejects.toMatchObject({ code: "wrong-shape" });
  });
});
