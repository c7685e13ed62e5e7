import { describe, expect, test } from "vitest";
import type { ObjectId } from "@axle/core/manifest/object.ts";
import type { Variant, VariantKey } from "@axle/core/placement/variant.ts";
import type { Rendered, Snapshot } from "../ports.ts";
import { RenderMemo } from "./render-memo.ts";

const signal = new AbortController().signal;
const snapshot = {} as Snapshot;

function variantsOf(...paths: string[]): ReadonlyMap<VariantKey, Variant> {
  return new Map(
    paths.map((path) => [path as VariantKey, { app: path, path, values: {}, valuesFiles: [], patches: [] }]),
  );
}

/** A memo over a renderer that gives `objects` objects and a warning per path; what it renders is counted. */
function memoOf(options: { limit?: number; objects?: number; render?: (path: string) => Promise<void> } = {}) {
  const { limit, objects = 1, render = async () => undefined } = options;
  const rendered: string[] = [];
  const memo = new RenderMemo({
    renderer: {
      inspect: async () => undefined,
      keyOf: async (_snapshot, { path }) => path,
      render: async (_snapshot, { path }): Promise<Rendered> => {
        rendered.push(path);
        await render(path);
        const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: path } };
        return {
          objects: Array.from({ length: objects }, (_, index) => ({
            id: `${path}-${index}` as ObjectId,
            object,
            file: path,
          })),
          warnings: [{ severity: "warning", code: "ignored", message: path }],
        };
      },
    },
    store: { findRender: async () => undefined, putPack: async () => ({ chunks: 1 }) },
    packMaster: new Uint8Array(32),
    problemOf: () => ({ severity: "error", code: "render", message: "failed" }),
    isPassing: (error) => error instanceof RangeError,
    ...(limit === undefined ? {} : { limit }),
  });
  return { memo, rendered };
}

describe("the memo of renders", () => {
  test("gives results in the order of the variants, whoever is done first", async () => {
    const first = Promise.withResolvers<void>();
    const { memo } = memoOf({ render: (path) => (path === "a" ? first.promise : Promise.resolve(first.resolve())) });
    const { results } = await memo.renderAll(snapshot, variantsOf("a", "b"), signal);
    expect([...results.keys()]).toEqual(["a", "b"]);
  });

  test("keeps as many results as their objects allow", async () => {
    const { memo, rendered } = memoOf({ limit: 25, objects: 10 });
    for (const path of ["a", "b", "c"]) await memo.renderAll(snapshot, variantsOf(path), signal);
    rendered.length = 0;
    for (const path of ["c", "b", "a"]) await memo.renderAll(snapshot, variantsOf(path), signal);
    expect(rendered).toEqual(["a"]);
  });

  test("remembers a failure of the repository, and not one that may pass", async () => {
    let error: Error = new RangeError("took too long");
    const { memo, rendered } = memoOf({ render: () => Promise.reject(error) });
    expect((await memo.renderAll(snapshot, variantsOf("a"), signal)).mayRenderLater).toBe(true);
    error = new Error("no such field");
    expect((await memo.renderAll(snapshot, variantsOf("a"), signal)).mayRenderLater).toBe(false);
    expect((await memo.renderAll(snapshot, variantsOf("a"), signal)).mayRenderLater).toBe(false);
    expect(rendered).toEqual(["a", "a"]);
  });
});
