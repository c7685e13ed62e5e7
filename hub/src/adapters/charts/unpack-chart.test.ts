import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { pack } from "tar-stream";
import type { Header } from "tar-stream";
import { describe, expect, test } from "vitest";
import { SourceError } from "../../sources/source-error.ts";
import { unpackChart } from "./unpack-chart.ts";

const signal = new AbortController().signal;
const limits = { unpackedBytes: 200_000, fileBytes: 20_000, files: 20 };
const wanted = { name: "web", version: "1.2.3", limits };
const chartFile = "apiVersion: v2\nname: web\nversion: 1.2.3\n";

type Item = Partial<Header> & { readonly name: string; readonly text?: string };

async function tarOf(items: readonly Item[]): Promise<Buffer> {
  const archive = pack();
  for (const { text = "", ...header } of items) archive.entry({ ...header, name: header.name }, text);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function packaged(...items: readonly Item[]): Promise<Buffer> {
  return gzipSync(await tarOf([{ name: "web/Chart.yaml", text: chartFile }, ...items]));
}

async function errorOf(bytes: Uint8Array, options = wanted): Promise<SourceError> {
  const error: unknown = await unpackChart(bytes, options, signal).catch((thrown: unknown) => thrown);
  if (!(error instanceof SourceError)) throw new TypeError(`no SourceError: ${String(error)}`);
  return error;
}

describe("a packaged chart", () => {
  test("gives its files without its own folder, in order", async () => {
    const bytes = await packaged(
      { name: "web/templates/", type: "directory" },
      { name: "web/templates/b.yaml", text: "b" },
      { name: "web/run.sh", text: "#!/bin/sh", mode: 0o755 },
      { name: "./web/charts/redis/Chart.yaml", text: "name: redis" },
    );
    const files = await unpackChart(bytes, wanted, signal);
    expect(files.map(({ path, executable, content }) => [path, executable, Buffer.from(content).toString()])).toEqual([
      ["Chart.yaml", false, chartFile],
      ["charts/redis/Chart.yaml", false, "name: redis"],
      ["run.sh", true, "#!/bin/sh"],
      ["templates/b.yaml", false, "b"],
    ]);
  });

  test("may have been packed on Windows", async () => {
    const files = await unpackChart(await packaged({ name: "web\\templates\\a.yaml", text: "a" }), wanted, signal);
    expect(files.map(({ path }) => path)).toEqual(["Chart.yaml", "templates/a.yaml"]);
  });

  test("may have names longer than a tar header", async () => {
    const name = `web/templates/${"long-".repeat(40)}.yaml`;
    const files = await unpackChart(await packaged({ name, text: "a" }), wanted, signal);
    expect(files[1]?.path).toBe(name.slice(4));
  });
});

describe("what a chart may not hold", () => {
  test.each<[string, Item]>([
    ["a path that leaves it", { name: "web/../../etc/cron.d/x" }],
    ["a path that leaves it on Windows", { name: "web\\..\\..\\x" }],
    ["an absolute path", { name: "/etc/passwd" }],
    ["a path with a drive", { name: "C:/web/x" }],
    ["a file beside its folder", { name: "other/x" }],
    ["a file without a folder", { name: "web" }],
    ["an empty segment", { name: "web//x" }],
    ["a Git folder", { name: "web/.git/config" }],
    ["a Git folder in other letters", { name: "web/sub/.GIT/hooks/x" }],
    ["a control character", { name: "web/a\nb" }],
    ["a symbolic link", { name: "web/values.yaml", type: "symlink", linkname: "/etc/passwd" }],
    ["a hard link", { name: "web/values.yaml", type: "link", linkname: "web/Chart.yaml" }],
    ["a device", { name: "web/null", type: "character-device" }],
    ["a pipe", { name: "web/pipe", type: "fifo" }],
  ])("is %s", async (_what, item) => {
    expect(await errorOf(await packaged(item))).toMatchObject({ code: "unsafe" });
  });

  test("is the same path twice, or a file where a folder is", async () => {
    const twice = await packaged({ name: "web/a", text: "1" }, { name: "web/a", text: "2" });
    expect((await errorOf(twice)).message).toBe("the package holds a twice");
    const both = await packaged({ name: "web/a", text: "1" }, { name: "web/a/b", text: "2" });
    expect((await errorOf(both)).message).toBe("the package holds a as a file and as a folder");
  });

  test("is more than the limits", async () => {
    const file = await packaged({ name: "web/big", text: "x".repeat(limits.fileBytes + 1) });
    expect(await errorOf(file)).toMatchObject({ code: "too-large", message: expect.stringContaining("web/big") });
    const many = await packaged(...Array.from({ length: 21 }, (_, i) => ({ name: `web/${i}` })));
    expect(await errorOf(many)).toMatchObject({ code: "too-large", message: expect.stringContaining("20 files") });
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    expect(bomb.length).toBeLessThan(60_000);
    expect(await errorOf(bomb)).toMatchObject({ code: "too-large", message: expect.stringContaining("200000 bytes") });
  });

  test("is another chart than was asked for", async () => {
    const bytes = await packaged();
    expect((await errorOf(bytes, { ...wanted, version: "1.2.4" })).message).toBe(
      "the package holds the chart web 1.2.3, and web 1.2.4 was asked for",
    );
    expect(await errorOf(bytes, { ...wanted, name: "shop" })).toMatchObject({ code: "unsafe" });
    const none = gzipSync(await tarOf([{ name: "web/values.yaml", text: "a: 1" }]));
    expect((await errorOf(none)).message).toBe("the package holds no Chart.yaml");
    const broken = gzipSync(await tarOf([{ name: "web/Chart.yaml", text: "a: [" }]));
    expect((await errorOf(broken)).message).toContain("Chart.yaml in the package cannot be read");
  });
});

describe("what is no packaged chart", () => {
  test.each([
    ["nothing", Buffer.alloc(0)],
    ["a page", Buffer.from("<!doctype html>")],
    ["a page, compressed", gzipSync("<!doctype html>")],
    ["an empty archive", gzipSync(Buffer.alloc(1024))],
  ])("is refused: %s", async (_what, bytes) => {
    expect(await errorOf(bytes)).toMatchObject({ code: "unsafe" });
  });

  test("is one that was cut off, wherever", async () => {
    const whole = await packaged({ name: "web/values.yaml", text: "replicas: 2" });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.length - 1 }), async (length) => {
        expect(await errorOf(whole.subarray(0, length))).toMatchObject({ code: "unsafe" });
      }),
    );
  });

  test("never gets out of it another way than by SourceError, whatever bytes it is", async () => {
    const tar = await tarOf([{ name: "web/Chart.yaml", text: chartFile }]);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: tar.length - 1 }),
        fc.integer({ min: 0, max: 255 }),
        async (at, byte) => {
          const changed = Buffer.from(tar);
          changed[at] = byte;
          const result: unknown = await unpackChart(gzipSync(changed), wanted, signal).catch((error: unknown) => error);
          expect(Array.isArray(result) || result instanceof SourceError).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });
});
