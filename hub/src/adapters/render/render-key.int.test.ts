import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Variant } from "@axle/core/placement/variant.ts";
import type { Snapshot } from "../../ports.ts";
import { ProcessRenderer } from "./process-renderer.ts";
import { configMap, createRepositoryFixture, variantOf, type RepositoryFixture } from "./repository-fixture.ts";

let fleet: RepositoryFixture;

beforeAll(async () => {
  fleet = await createRepositoryFixture();
});

afterAll(() => fleet[Symbol.asyncDispose]());

const template = (name: string, file: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, namespace: web}\ndata: {v: {{ .Values.v | quote }}, f: {{ .Files.Get "${file}" | quote }}}\n`;

/** A repository in which every source reads something beside its own folder, in every way there is. */
const files: Readonly<Record<string, string>> = {
  "raw/plain/a.yaml": configMap("a", { v: "VALUE" }),
  "raw/plain/deep/b.yaml": configMap("b", { v: "VALUE" }),
  "shared/linked.yaml": configMap("linked", { v: "VALUE" }),
  "shared/linked-folder/c.yaml": configMap("c", { v: "VALUE" }),
  "base/kustomization.yaml": "resources: [cm.yaml, ../base-of-base]\ncommonAnnotations: {v: VALUE}\n",
  "base/cm.yaml": configMap("base", { v: "VALUE" }),
  "base-of-base/kustomization.yml": "resources: [cm.yaml]\n",
  "base-of-base/cm.yaml": configMap("base-of-base", { v: "VALUE" }),
  "components/labels/kustomization.yaml":
    "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncommonAnnotations: {c: VALUE}\n",
  "transformers/kustomization.yaml": "resources: [prefix.yaml]\n",
  "transformers/prefix.yaml":
    "apiVersion: builtin\nkind: AnnotationsTransformer\nmetadata: {name: t}\nannotations: {t: VALUE}\nfieldSpecs: [{path: metadata/annotations, create: true}]\n",
  "overlay/kustomization.yaml":
    "resources: [../base, linked]\ncomponents: [../components/labels]\ntransformers: [../transformers]\n" +
    "configMapGenerator: [{name: gen, namespace: web, files: [x=gen.txt], options: {disableNameSuffixHash: true}}]\n" +
    "patches: [{path: patch.yaml, target: {name: base}}]\n",
  "overlay/gen.txt": "VALUE",
  "overlay/patch.yaml": '[{"op": "add", "path": "/data/p", "value": "VALUE"}]',
  "via-link/kustomization.yaml": "resources: [cm.yaml]\n",
  "via-link/cm.yaml": configMap("via-link", { v: "VALUE" }),
  "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
  "chart/values.yaml": "v: VALUE\n",
  "chart/templates/cm.yaml": template("chart", "linked.txt"),
  "chart/charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
  "chart/charts/sub/values.yaml": "v: VALUE\n",
  "chart/charts/sub/templates/cm.yaml": template("sub", "x.txt"),
  "chart/charts/sub/x.txt": "VALUE",
  "shared/text.txt": "VALUE",
  "shared/dir/inner.txt": "VALUE",
  "values/prod.yaml": "v: VALUE\n",
  "unrelated/x.yaml": configMap("unrelated", { v: "VALUE" }),
};

const links = {
  "raw/plain/link.yaml": "../../shared/link-to-link.yaml",
  "shared/link-to-link.yaml": "linked.yaml",
  "raw/folder": "../shared/linked-folder",
  "overlay/linked": "../via-link",
  "chart/linked.txt": "../shared/text.txt",
  "values/linked.yaml": "prod.yaml",
};

const variants: Readonly<Record<string, Variant>> = {
  raw: variantOf("raw/plain"),
  "raw through a link": variantOf("raw/folder"),
  kustomize: variantOf("overlay"),
  "kustomize base": variantOf("base"),
  helm: variantOf("chart"),
  "helm with values": variantOf("chart", { values: ["values/prod.yaml"] }),
  "helm with linked values": variantOf("chart", { values: ["values/linked.yaml"] }),
};

async function look(snapshot: Snapshot): Promise<Map<string, { readonly key: string; readonly output: string }>> {
  const seen = new Map<string, { key: string; output: string }>();
  for (const [name, variant] of Object.entries(variants)) {
    const key = await fleet.renderer.keyOf(snapshot, variant, fleet.signal);
    const { objects } = await fleet.renderer.render(snapshot, variant, fleet.signal);
    seen.set(name, { key, output: JSON.stringify(objects) });
  }
  return seen;
}

describe("the memo key", () => {
  test("changes with every file that changes what a variant renders, wherever it is", async () => {
    await fleet.commit(files);
    let before = await look(await fleet.commitLinks(links));
    const affected: Record<string, string[]> = {};
    for (const [path, text] of Object.entries(files)) {
      if (!text.includes("VALUE")) continue;
      const after = await look(await fleet.commit({ [path]: text.replace("VALUE", "CHANGED") }));
      for (const [name, { key, output }] of after) {
        if (output !== before.get(name)?.output) {
          expect(key, `${path} changes what "${name}" renders`).not.toBe(before.get(name)?.key);
          (affected[path] ??= []).push(name);
        }
      }
      before = after;
    }
    // That the test sees changes at all: each file but the unrelated one changes something.
    expect(Object.keys(files).filter((path) => files[path]?.includes("VALUE") && affected[path] === undefined)).toEqual(
      ["shared/dir/inner.txt", "unrelated/x.yaml"],
    );
  });

  test("changes when a link leads elsewhere, and when what was missing appears", async () => {
    const snapshot = await fleet.commit({
      "late/kustomization.yaml": "resources: [../appears]\n",
      "late/cm.yaml": configMap("x"),
    });
    const late = await fleet.renderer.keyOf(snapshot, variantOf("late"), fleet.signal);
    const appeared = await fleet.commit({
      "appears/kustomization.yaml": "resources: [x.yaml]\n",
      "appears/x.yaml": configMap("x"),
    });
    expect(await fleet.renderer.keyOf(appeared, variantOf("late"), fleet.signal)).not.toBe(late);

    const keys = new Set<string>();
    for (const target of ["../shared/text.txt", "../shared/dir/inner.txt", "../nowhere"]) {
      await fleet.commit({ "retarget/link": null, "retarget/a.yaml": configMap("a") });
      const linked = await fleet.commitLinks({ "retarget/link": target });
      keys.add(await fleet.renderer.keyOf(linked, variantOf("retarget"), fleet.signal));
    }
    expect(keys.size).toBe(3);
  });

  test("stays when nothing that is read changes, even over a restart", async () => {
    const keys = async (snapshot: Snapshot, renderer = fleet.renderer): Promise<string[]> =>
      Promise.all(Object.values(variants).map((variant) => renderer.keyOf(snapshot, variant, fleet.signal)));
    const before = await keys(await fleet.commit({ "unrelated/y.yaml": configMap("y") }));
    const after = await fleet.commit({ "unrelated/y.yaml": configMap("z"), "new/folder/x": "1" });
    expect(await keys(after)).toEqual(before);
    await using other = await createRepositoryFixture();
    expect(await keys(after, other.renderer)).toEqual(before);
  });

  test("differs between variants that differ in anything", async () => {
    const snapshot = await fleet.commit({ "unrelated/y.yaml": configMap("1") });
    const all: Variant[] = [
      variantOf("chart"),
      variantOf("chart", { app: "other" }),
      variantOf("chart", { namespace: "a" }),
      variantOf("chart", { values: [{ a: 1 }] }),
      variantOf("chart", { values: [{ a: "1" }] }),
      variantOf("chart", { values: ["values/prod.yaml"] }),
      variantOf("chart", { values: ["values/prod.yaml", "values/linked.yaml"] }),
      variantOf("chart", { patches: [{ patch: "x" }] }),
      variantOf("chart", { capabilities: { kubernetesVersion: "v1.30.0", apiVersions: [] } }),
      variantOf("chart", { capabilities: { kubernetesVersion: "v1.31.0", apiVersions: [] } }),
      variantOf("chart", { capabilities: { kubernetesVersion: "v1.30.0", apiVersions: ["a/v1/B"] } }),
      variantOf("base"),
      variantOf("nowhere"),
    ];
    const keys = await Promise.all(all.map((variant) => fleet.renderer.keyOf(snapshot, variant, fleet.signal)));
    expect(new Set(keys).size).toBe(all.length);
    const again = variantOf("chart", { values: [{ b: 1, a: 2 }] });
    const same = variantOf("chart", { values: [{ a: 2, b: 1 }] });
    expect(await fleet.renderer.keyOf(snapshot, again, fleet.signal)).toBe(
      await fleet.renderer.keyOf(snapshot, same, fleet.signal),
    );
  });
});

test("programs that could not be read are tried again with the next key", async () => {
  const snapshot = await fleet.commit({});
  const kustomize = join(fleet.path, "kustomize");
  const renderer = new ProcessRenderer({ kustomize, helm: process.execPath, sandbox: fleet.sandbox });
  const keyOf = () => renderer.keyOf(snapshot, variantOf("raw/plain"), fleet.signal);
  await expect(keyOf()).rejects.toThrow("cannot read");
  await writeFile(kustomize, "a program");
  expect(await keyOf()).toMatch(/^[0-9a-f]{64}$/);
});
