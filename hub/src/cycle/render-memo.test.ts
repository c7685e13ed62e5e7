import { describe, expect, test } from "vitest";
import type { PackHandle } from "@axle/core/placement/app-record.ts";
import { idOf, type KubeObject } from "@axle/core/manifest/object.ts";
import type { Variant, VariantKey } from "@axle/core/placement/variant.ts";
import type { Rendered, RenderRecord, Snapshot, StoreEntry } from "../ports.ts";
import { openPack, readPack } from "../slice/read-pack.ts";
import { writePack } from "../slice/write-pack.ts";
import { RenderMemo, type RenderedVariants } from "./render-memo.ts";

const signal = new AbortController().signal;
const snapshot = {} as Snapshot;
const packMaster = new Uint8Array(32);

interface MemoOptions {
  readonly limit?: number;
  readonly objects?: number;
  readonly render?: (path: string, signal: AbortSignal) => Promise<Partial<Rendered> | void>;
}

/** A memo over a renderer that gives `objects` objects and a warning per path; what it renders is counted. */
function memoOf({ limit, objects = 1, render = async () => undefined }: MemoOptions = {}) {
  const rendered: string[] = [];
  const packs = new Map<string, Uint8Array>();
  const described = new Map<string, RenderRecord["objects"]>();
  const ready = Promise.withResolvers<void>();
  const memo = new RenderMemo({
    renderer: {
      inspect: async () => undefined,
      keyOf: async (_snapshot, variant) => JSON.stringify(variant),
      render: async (_snapshot, { path }, abort): Promise<Rendered> => {
        rendered.push(path);
        const given = await render(path, abort);
        const names = Array.from({ length: objects }, (_, index) => `${path}-${index}`);
        return {
          objects: names.map((name) => entryOf({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } }, path)),
          warnings: [{ severity: "warning", code: "ignored", message: path }],
          ...given,
        };
      },
    },
    store: {
      findRender: async () => undefined,
      usePack: (digest) => packs.has(digest),
      putPack: async (digest, data) => {
        packs.set(digest, data);
        return { chunks: 1 };
      },
      findObjects: async () => described,
      readPack: async ({ digest }) => packs.get(digest) ?? Promise.reject(new Error("the pack is lost")),
    },
    packMaster,
    problemOf: (error) => ({ severity: "error", code: "render", message: String(error) }),
    isPassing: (error) => error instanceof RangeError,
    onReady: ready.resolve,
    patienceMs: 10,
    ...(limit === undefined ? {} : { limit }),
  });
  return { memo, rendered, packs, described, ready: ready.promise };
}

function entryOf(object: KubeObject, file: string) {
  return { id: idOf(object), object, file };
}

interface Asked {
  readonly before?: readonly PackHandle[];
  readonly variant?: Partial<Variant>;
  readonly snapshot?: Snapshot;
}

function renderAll(memo: RenderMemo, paths: readonly string[], asked: Asked = {}): Promise<RenderedVariants> {
  const variants = new Map<VariantKey, Variant>(
    paths.map((path) => [path, { app: path, path, values: [], patches: [], ...asked.variant }]),
  );
  return memo.renderAll(
    { snapshot: asked.snapshot ?? snapshot, variants, packsBefore: () => asked.before ?? [] },
    signal,
  );
}

function recordOf({ results }: RenderedVariants, key = "a"): RenderRecord {
  const result = results.get(key);
  if (result === undefined || !("record" in result)) throw new TypeError(JSON.stringify(result));
  return result.record;
}

function messageOf({ results }: RenderedVariants, key = "a"): string {
  const result = results.get(key);
  return result !== undefined && "error" in result ? result.error.message : "";
}

describe("the memo of renders", () => {
  test("what could never be stored is an error of its app", async () => {
    const long = "x".repeat(1_500_000);
    const objects = Array.from({ length: 5 }, (_, index) =>
      entryOf({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: `${long}${index}` } }, "a"),
    );
    const { memo } = memoOf({ render: async (path) => (path === "a" ? { objects } : undefined) });
    const rendered = await renderAll(memo, ["a", "b"]);
    expect(messageOf(rendered)).toContain("split the app");
    expect(recordOf(rendered, "b").objects).toHaveLength(1);
    expect(rendered.entries).toHaveLength(1);
  });

  test("gives results in the order of the variants, whoever is done first", async () => {
    const first = Promise.withResolvers<void>();
    const { memo } = memoOf({ render: (path) => (path === "a" ? first.promise : Promise.resolve(first.resolve())) });
    const { results } = await renderAll(memo, ["a", "b"]);
    expect([...results.keys()]).toEqual(["a", "b"]);
  });

  test("keeps as many results as their objects allow", async () => {
    const { memo, rendered } = memoOf({ limit: 25, objects: 10 });
    for (const path of ["a", "b", "c"]) await renderAll(memo, [path]);
    rendered.length = 0;
    for (const path of ["c", "b", "a"]) await renderAll(memo, [path]);
    expect(rendered).toEqual(["a"]);
  });

  test("remembers a failure of the repository, and not one that may pass", async () => {
    let error: Error = new RangeError("took too long");
    const { memo, rendered } = memoOf({ render: () => Promise.reject(error) });
    expect((await renderAll(memo, ["a"])).mayRenderLater).toBe(true);
    error = new Error("no such field");
    expect((await renderAll(memo, ["a"])).mayRenderLater).toBe(false);
    expect((await renderAll(memo, ["a"])).mayRenderLater).toBe(false);
    expect(rendered).toEqual(["a", "a"]);
  });

  test("S10: gives its entries to be written until they are", async () => {
    const { memo } = memoOf();
    const { entries } = await renderAll(memo, ["a", "b"]);
    expect(entries).toHaveLength(2);
    expect((await renderAll(memo, ["b"])).entries).toEqual([entries[1]]);
    memo.written(entries.slice(0, 1));
    expect((await renderAll(memo, ["a", "b"])).entries).toEqual([entries[1]]);
    memo.written(entries as readonly StoreEntry[]);
    expect((await renderAll(memo, ["a", "b"])).entries).toEqual([]);
  });
});

describe("a chart that takes its time", () => {
  test("L2: holds up no other, and whoever went on without it is called when it is done", async () => {
    const slow = Promise.withResolvers<void>();
    const { memo, rendered, ready } = memoOf({ render: (path) => (path === "a" ? slow.promise : Promise.resolve()) });
    const first = await renderAll(memo, ["a", "b"]);
    expect(messageOf(first)).toMatch(/^takes long to render; the app stays where it is/);
    expect(recordOf(first, "b").pack.objects).toBe(1);
    expect(first.mayRenderLater).toBe(false);
    expect(messageOf(await renderAll(memo, ["a", "b"]))).toMatch(/^takes long to render/);
    slow.resolve();
    await ready;
    const done = await renderAll(memo, ["a", "b"]);
    expect(recordOf(done).pack.objects).toBe(1);
    expect(done.entries).toHaveLength(2);
    expect(rendered).toEqual(["a", "b"]);
  });

  test("and fails in the end says why from then on, also while it is tried again", async () => {
    const slow = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { memo, rendered, ready } = memoOf({ render: () => slow[rendered.length - 1]?.promise ?? Promise.resolve() });
    expect(messageOf(await renderAll(memo, ["a"]))).toMatch(/takes long/);
    slow[0]?.reject(new RangeError("not within 30 s"));
    await ready;
    const failed = await renderAll(memo, ["a"]);
    expect([messageOf(failed), failed.mayRenderLater]).toEqual(["RangeError: not within 30 s", true]);
    expect(rendered).toHaveLength(1);
    const again = await renderAll(memo, ["a"]);
    expect([messageOf(again), again.mayRenderLater]).toEqual(["RangeError: not within 30 s", false]);
    slow[1]?.resolve();
    await expect.poll(async () => messageOf(await renderAll(memo, ["a"]))).toBe("");
    expect(rendered).toHaveLength(2);
  });

  test("is given up when another tree takes the place of its own, and rendered from that", async () => {
    const replaced = new AbortController();
    const { memo, rendered } = memoOf({
      render: (_path, abort) =>
        rendered.length > 1
          ? Promise.resolve()
          : new Promise((_, reject) => abort.addEventListener("abort", () => reject(abort.reason as Error))),
    });
    const old = { replaced: replaced.signal } as Snapshot;
    expect(messageOf(await renderAll(memo, ["a"], { snapshot: old }))).toMatch(/takes long/);
    replaced.abort(new Error("the tree is gone"));
    await expect.poll(async () => messageOf(await renderAll(memo, ["a"]))).toBe("");
    expect(rendered).toHaveLength(2);
  });
});

test("documents that SOPS encrypted are in the pack, and nothing of them is in what is remembered in the clear", async () => {
  const originals = [{ file: "db.yaml", text: "password: ENC[x]\n", objects: ["/ConfigMap//a-0"] }];
  const { memo } = memoOf({ render: async () => ({ originals }) });
  const record = recordOf(await renderAll(memo, ["a"]));
  const objects: KubeObject[] = [{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a-0" } }];
  expect(record.pack.digest).toBe(writePack(objects, packMaster, originals).digest);
  expect(record.pack.digest).not.toBe(writePack(objects, packMaster).digest);
  expect(JSON.stringify(record)).not.toContain("ENC[");
});

describe("what is made anew at each render", () => {
  let made = 0;
  const secret = (password: string): KubeObject => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s", namespace: "web" },
    data: { password },
  });
  const randomly = async (): Promise<Partial<Rendered>> => ({
    objects: [{ ...entryOf(secret(`p${(made += 1)}`), "s.yaml"), unstable: ["/data/password"] }],
  });
  const passwordIn = (data: Uint8Array | undefined, { keyId }: PackHandle): unknown => {
    const [object] = readPack(data ?? new Uint8Array(), keyId, packMaster).values();
    return (object?.["data"] as { password?: unknown } | undefined)?.password;
  };

  test("stays as published while other inputs change, and starts anew with sync.regenerate", async () => {
    const { memo, packs, described } = memoOf({ render: randomly });
    const first = recordOf(await renderAll(memo, ["a"]));
    described.set(first.pack.digest, first.objects);
    const password = passwordIn(packs.get(first.pack.digest), first.pack);
    const before = [first.pack];

    const second = recordOf(await renderAll(memo, ["a"], { before, variant: { values: [{ replicas: 2 }] } }));
    expect(passwordIn(packs.get(second.pack.digest), second.pack)).toBe(password);
    expect(second.objects[0]?.unstable).toEqual({ fields: ["/data/password"], regenerate: "" });

    const renewed = recordOf(await renderAll(memo, ["a"], { before, variant: { regenerate: "2" } }));
    expect(passwordIn(packs.get(renewed.pack.digest), renewed.pack)).not.toBe(password);
    const elsewhere = recordOf(await renderAll(memo, ["a"], { variant: { values: [{ replicas: 3 }] } }));
    expect(passwordIn(packs.get(elsewhere.pack.digest), elsewhere.pack)).not.toBe(password);
  });

  test("is not published anew when what was published cannot be read", async () => {
    const { memo, packs, described } = memoOf({ render: randomly });
    const first = recordOf(await renderAll(memo, ["a"]));
    described.set(first.pack.digest, first.objects);
    packs.clear();
    const result = await renderAll(memo, ["a"], { before: [first.pack], variant: { values: [{ replicas: 2 }] } });
    expect(messageOf(result)).toMatch(
      /cannot be read: Error: the pack is lost; the app stays where it is; change sync/,
    );
    expect(result.mayRenderLater).toBe(true);
  });

  test("takes documents that SOPS encrypted along where a render that is remembered gets values published since", async () => {
    const originals = [{ file: "db.yaml", text: "password: ENC[x]\n", objects: ["/Secret/web/s"] }];
    const { memo, packs, described } = memoOf({ render: async () => ({ ...(await randomly()), originals }) });
    const published = recordOf(await renderAll(memo, ["a"]));
    described.set(published.pack.digest, published.objects);
    const variant = { values: [{ replicas: 2 }] };
    const elsewhere = recordOf(await renderAll(memo, ["a"], { variant }));
    const again = recordOf(await renderAll(memo, ["a"], { variant, before: [published.pack] }));
    expect(again.pack.digest).not.toBe(elsewhere.pack.digest);
    const data = packs.get(again.pack.digest) ?? new Uint8Array();
    expect(passwordIn(data, again.pack)).toBe(passwordIn(packs.get(published.pack.digest), published.pack));
    expect(openPack(data, again.pack.keyId, packMaster).originals).toEqual(originals);
  });

  test("is nothing that stands in the repository in the clear", async () => {
    const { memo } = memoOf({ render: randomly });
    expect(recordOf(await renderAll(memo, ["a"])).objects[0]?.plainSecret).toBeUndefined();
  });

  test("S5: is kept in no record in the clear", async () => {
    const { memo } = memoOf({ render: randomly });
    const { entries } = await renderAll(memo, ["a"]);
    expect(JSON.stringify(entries)).not.toContain(`p${made}`);
  });
});
