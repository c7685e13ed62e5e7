import { expect, test } from "vitest";
import type { Snapshot, SnapshotFile } from "../../ports.ts";
import { SourceFinder } from "./find-references.ts";
import { readSetOfKustomization } from "./kustomize-read-set.ts";
import { renderRaw } from "./render-raw.ts";
import { readSetOfFolder } from "./read-set.ts";
import { SnapshotIndex } from "./snapshot-index.ts";
import { sourceTypeOf } from "./source-type.ts";

const FILES = 100_000;
const FOLDERS = 1_000;
const never = new AbortController().signal;

/** 1,000 folders of 100 files each; every tenth is a kustomization over the one before it. */
function largeSnapshot(): Snapshot {
  const files = new Map<string, SnapshotFile>();
  const folders = new Map<string, string>([["", "root"]]);
  const links = new Map<string, string>();
  const texts = new Map<string, string>();
  for (let folder = 0; folder < FOLDERS; folder += 1) {
    const path = `apps/a${folder}`;
    folders.set(path, `oid-${folder}`);
    for (let file = 0; file < FILES / FOLDERS; file += 1) {
      files.set(`${path}/f${file}.yaml`, { oid: `${folder}-${file}`, mode: "file", size: 10 });
    }
    if (folder % 10 !== 0) continue;
    files.set(`${path}/kustomization.yaml`, { oid: `k-${folder}`, mode: "file", size: 10 });
    texts.set(`${path}/kustomization.yaml`, `resources: [../a${Math.max(folder - 1, 1)}, f1.yaml]\n`);
    links.set(`${path}/link`, "../a1");
    files.set(`${path}/link`, { oid: "link", mode: "link", size: 5 });
  }
  folders.set("apps", "apps");
  const about = { commit: "c", subject: "", committedAtMs: 0, root: "/nowhere", warnings: [] };
  const readTexts: Snapshot["readTexts"] = async (paths) =>
    new Map(paths.map((path) => [path, texts.get(path) ?? "a: b"]));
  return { ...about, files, folders, links, readTexts };
}

test("a repository of 100,000 small files is looked through in a bounded time", async () => {
  const snapshot = largeSnapshot();
  const startedMs = performance.now();
  const index = SnapshotIndex.of(snapshot);
  const paths = Array.from({ length: FOLDERS }, (_, folder) => `apps/a${folder}`);
  for (const path of paths) {
    if (sourceTypeOf(index, path) === "kustomize") await readSetOfKustomization(snapshot, path, never);
    else readSetOfFolder(index, path);
  }
  const { requests } = await new SourceFinder().find(snapshot, paths, never);
  expect(requests).toEqual([]);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});

function snapshotOf(texts: Readonly<Record<string, string>>, sizes: Readonly<Record<string, number>> = {}): Snapshot {
  const files = new Map<string, SnapshotFile>();
  const folders = new Map<string, string>([["", "root"]]);
  for (const path of [...Object.keys(texts), ...Object.keys(sizes)]) {
    files.set(path, { oid: path, mode: "file", size: sizes[path] ?? texts[path]?.length ?? 0 });
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      folders.set(path.slice(0, end), path.slice(0, end));
    }
  }
  const about = { commit: "c", subject: "", committedAtMs: 0, root: "/nowhere", warnings: [] };
  const readTexts: Snapshot["readTexts"] = async (paths) => new Map(paths.map((path) => [path, texts[path] ?? ""]));
  return { ...about, files, folders, links: new Map(), readTexts };
}

test("one folder with more files than a call takes arguments is a folder like any other", async () => {
  const sizes = Object.fromEntries(Array.from({ length: 150_000 }, (_, index) => [`raw/deep/f${index}.yaml`, 1]));
  expect(sourceTypeOf(SnapshotIndex.of(snapshotOf({}, sizes)), "raw")).toBe("raw");
});

test("manifests beyond what a renderer may print are refused before they are read", async () => {
  const sizes = Object.fromEntries(Array.from({ length: 5 }, (_, index) => [`raw/f${index}.yaml`, 15 * 1024 ** 2]));
  const rendering = renderRaw(snapshotOf({}, sizes), { folder: "raw", app: "a" }, never);
  await expect(rendering).rejects.toMatchObject({ code: "too-large", place: { file: "raw" } });
});

test("a kustomization that names more texts than a call takes arguments is read like any other", async () => {
  const values = Array.from({ length: 150_000 }, (_, index) => `t${index}`);
  const text = JSON.stringify({ helmCharts: [{ name: "c", valuesInline: { values } }] });
  const reads = await readSetOfKustomization(snapshotOf({ "k/kustomization.yaml": text }), "k", never);
  expect(reads.usesHelm).toBe(true);
}, 60_000);

test("others get their turn while thousands of objects are read", async () => {
  const objects = Array.from(
    { length: 5_000 },
    (_, index) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c${index} }\n`,
  );
  let turns = 0;
  const take = (): void => {
    turns += 1;
    next = setImmediate(take);
  };
  let next = setImmediate(take);
  try {
    const snapshot = snapshotOf({ "raw/all.yaml": objects.join("---\n") });
    const { renders } = await renderRaw(snapshot, { folder: "raw", app: "a" }, never);
    expect(renders[0]).toHaveLength(5_000);
    expect(turns).toBeGreaterThan(3);
  } finally {
    clearImmediate(next);
  }
});

test("folders full of links to each other are described in a bounded time", () => {
  const files = new Map<string, SnapshotFile>();
  const folders = new Map([["", "root"]]);
  const links = new Map<string, string>();
  for (let folder = 0; folder < 1_000; folder += 1) {
    folders.set(`apps/a${folder}`, `oid-${folder}`);
    for (let link = 0; link < 150; link += 1) {
      links.set(`apps/a${folder}/l${link}`, link % 2 === 0 ? `../a${(folder + link) % 1_000}` : "../..");
      files.set(`apps/a${folder}/l${link}`, { oid: "link", mode: "link", size: 5 });
    }
  }
  folders.set("apps", "apps");
  const startedMs = performance.now();
  const reads = readSetOfFolder(SnapshotIndex.of({ ...snapshotOf({}), files, folders, links }), "apps/a1");
  expect(reads.text.split("\n")).toHaveLength(150_001);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});
