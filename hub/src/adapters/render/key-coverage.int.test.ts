import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Variant } from "@axle/core/placement/variant.ts";
import type { Snapshot } from "../../ports.ts";
import { reduceSnapshot } from "./reduced-snapshot.ts";
import { configMap, createRepositoryFixture, variantOf, type RepositoryFixture } from "./repository-fixture.ts";

let fleet: RepositoryFixture;

beforeAll(async () => {
  fleet = await createRepositoryFixture();
});

afterAll(() => fleet[Symbol.asyncDispose]());

async function outcomeOf(snapshot: Snapshot, variant: Variant): Promise<string> {
  try {
    const { objects } = await fleet.renderer.render(snapshot, variant, fleet.signal);
    return JSON.stringify(objects.map(({ object }) => object));
  } catch (error) {
    return `fails: ${String(error)}`.replaceAll(/(reduced-\w+|tree)\//g, "");
  }
}

/** Renders with all files there, and again with those only that the key covers. */
async function expectCovered(
  snapshot: Snapshot,
  variant: Variant,
): Promise<{ outcome: string; covered: ReadonlySet<string> }> {
  const folder = join(fleet.path, "render");
  await mkdir(folder, { recursive: true });
  const reduced = await reduceSnapshot(snapshot, variant, { folder, signal: fleet.signal });
  const outcome = await outcomeOf(snapshot, variant);
  expect(await outcomeOf(reduced.snapshot, variant), variant.path).toBe(outcome);
  return { outcome, covered: reduced.covered };
}

const chart = (name: string, more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  "Chart.yaml": `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`,
  "values.yaml": "v: 1\n",
  "templates/cm.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, namespace: web}\ndata: {v: {{ .Values.v | quote }}, f: {{ .Files.Get "data.txt" | quote }}}\n`,
  "data.txt": "text",
  ...more,
});

function below(folder: string, files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]));
}

describe("the memo key covers all that is read", () => {
  test("of every kind of source, and of every field of a kustomization that names something", async () => {
    const files = {
      "raw/a.yaml": configMap("a"),
      "raw/deep/b.yaml": configMap("b"),
      "shared/linked.yaml": configMap("linked"),
      "shared/text.txt": "shared",
      ...below("chart", chart("chart")),
      ...below("chart/charts/sub", chart("sub")),
      "values/prod.yaml": "v: 2\n",
      "base/kustomization.yaml": "resources: [cm.yaml, ../deeper]\n",
      "base/cm.yaml": configMap("base", { x: "1" }),
      "deeper/Kustomization": "resources: [cm.yaml]\n",
      "deeper/cm.yaml": configMap("deeper"),
      "component/kustomization.yaml":
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches: [{path: p.yaml, target: {name: base}}]\n",
      "component/p.yaml": '[{"op": "add", "path": "/data/c", "value": "1"}]',
      "transformers/kustomization.yaml": "resources: [t.yaml]\n",
      "transformers/t.yaml":
        "apiVersion: builtin\nkind: AnnotationsTransformer\nmetadata: {name: t}\nannotations: {t: x}\nfieldSpecs: [{path: metadata/annotations, create: true}]\n",
      "generators/kustomization.yaml": "resources: [g.yaml]\n",
      "generators/g.yaml":
        "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: made, namespace: web}\nliterals: [a=b]\noptions: {disableNameSuffixHash: true}\n",
      "all/kustomization.yaml": [
        "resources: [../base, widget.yaml, linked]",
        "components: [../component]",
        "transformers: [../transformers, inline.yaml]",
        "generators: [../generators]",
        "configurations: [config.yaml]",
        "crds: [crd.json]",
        "openapi: {path: schema.json}",
        "configMapGenerator:",
        "- {name: files, namespace: web, files: [data/file.txt, key=data/file.txt], options: {disableNameSuffixHash: true}}",
        "- {name: env, namespace: web, envs: [env.properties], env: old.properties, options: {disableNameSuffixHash: true}}",
        "secretGenerator: [{name: secret, namespace: web, files: [data/file.txt], options: {disableNameSuffixHash: true}}]",
        "replacements:",
        "- path: replacement.yaml",
        "patches:",
        "- path: patch.yaml",
        "helmGlobals: {chartHome: charts}",
        "helmCharts:",
        "- {name: inner, releaseName: one, valuesFile: values/a.yaml, additionalValuesFiles: [values/b.yaml]}",
        "",
      ].join("\n"),
      "all/widget.yaml":
        "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: web}\nspec: {list: [{name: a, v: 1}]}\n",
      "all/inline.yaml":
        "apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: p}\nprefix: x-\nfieldSpecs: [{path: metadata/name, kind: Widget}]\n",
      "all/config.yaml": "commonAnnotations: [{path: metadata/annotations, create: true}]\n",
      "all/crd.json": '{"example.com/v1.Widget": {"Schema": {"properties": {}}}}',
      "all/schema.json":
        '{"definitions": {"com.example.v1.Widget": {"properties": {"spec": {"properties": {"list": {"type": "array", "x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge", "items": {"type": "object"}}}}}, "x-kubernetes-group-version-kind": [{"group": "example.com", "kind": "Widget", "version": "v1"}]}}}',
      "all/patch.yaml":
        "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: web}\nspec: {list: [{name: a, v: 2}]}\n",
      "all/replacement.yaml":
        "source: {kind: ConfigMap, name: base, fieldPath: data.x}\ntargets: [{select: {kind: Widget}, fieldPaths: [metadata.annotations.from], options: {create: true}}]\n",
      "all/data/file.txt": "text",
      "all/env.properties": "A=1\n",
      "all/old.properties": "B=2\n",
      "all/values/a.yaml": "v: 3\n",
      "all/values/b.yaml": "v: 4\n",
      "linked-base/kustomization.yaml": "resources: [cm.yaml]\n",
      "linked-base/cm.yaml": configMap("linked-base"),
      "outer/kustomization.yaml":
        "helmGlobals: {chartHome: ../homes}\nhelmCharts: [{name: outer, releaseName: o, valuesFile: v.yaml}]\n",
      "outer/v.yaml": "v: 5\n",
      ...below("homes/outer", chart("outer")),
      ...below("all/charts/inner", chart("inner")),
    };
    await fleet.commit(files);
    const snapshot = await fleet.commitLinks({
      "raw/link.yaml": "../shared/chain.yaml",
      "shared/chain.yaml": "linked.yaml",
      "all/linked": "../linked-base",
      "raw-link": "raw",
      "values/link.yaml": "prod.yaml",
    });
    for (const variant of [
      variantOf("raw"),
      variantOf("raw-link"),
      variantOf("base"),
      variantOf("all"),
      variantOf("outer"),
      variantOf("chart"),
      variantOf("chart", { values: ["values/prod.yaml"] }),
      variantOf("chart", { values: ["values/link.yaml"] }),
    ]) {
      const { outcome, covered } = await expectCovered(snapshot, variant);
      expect(outcome, variant.path).not.toMatch(/^fails/);
      expect(covered.size).toBeLessThan(snapshot.files.size);
    }
  });

  test("of repositories made at random", async () => {
    const generated = fc.sample(fc.array(kustomization, { minLength: 8, maxLength: 8 }), { numRuns: 5, seed: SEED });
    const files = Object.assign({}, ...generated.map((list, set) => repositoryOf(`random/${set}`, list))) as Record<
      string,
      string
    >;
    const snapshot = await fleet.commit(files);
    let rendered = 0;
    for (const [set, list] of generated.entries()) {
      for (const position of list.keys()) {
        const { outcome } = await expectCovered(snapshot, variantOf(`random/${set}/k${position}`));
        if (!outcome.startsWith("fails")) rendered += 1;
      }
    }
    // That most of them render at all, so that the comparison says something.
    expect(rendered, `seed ${SEED}`).toBeGreaterThan(10);
  }, 60_000);
});

const SEED = Date.now() % 1_000_000;

interface Generated {
  readonly uses: readonly number[];
  readonly component: number;
  readonly parts: readonly string[];
}

const PARTS = ["file", "patch", "env", "replacement", "transformer", "generator", "chart", "home", "missing"] as const;
const kustomization = fc.record<Generated>({
  uses: fc.array(fc.nat(7), { maxLength: 2 }),
  component: fc.nat(20),
  parts: fc.subarray([...PARTS]),
});

/** Folder `k<i>` builds on folders with higher numbers only; what stands beside them is read through `..`. */
function repositoryOf(root: string, list: readonly Generated[]): Record<string, string> {
  const files: Record<string, string> = {
    ...below(`${root}/homes/shared`, chart("shared")),
    [`${root}/component/kustomization.yaml`]:
      "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [../extra]\n",
    [`${root}/extra/kustomization.yaml`]: "resources: [cm.yaml]\n",
    [`${root}/extra/cm.yaml`]: configMap("extra"),
    [`${root}/transformers/kustomization.yaml`]: "resources: [t.yaml]\n",
    [`${root}/transformers/t.yaml`]:
      "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: t}\nlabels: {t: x}\nfieldSpecs: [{path: metadata/labels, create: true}]\n",
  };
  for (const [position, { uses, component, parts }] of list.entries()) {
    const folder = `${root}/k${position}`;
    const has = (part: (typeof PARTS)[number]): boolean => parts.includes(part);
    const bases = [...new Set(uses)].filter((other) => other > position).map((other) => `../k${other}`);
    const resources = ["own.yaml", ...bases, ...(has("missing") && position % 3 === 0 ? ["../nowhere"] : [])];
    const charts = [
      ...(has("chart") ? [{ name: "own", releaseName: "own", valuesFile: "v.yaml" }] : []),
      ...(has("home") ? [{ name: "shared", releaseName: "shared", valuesFile: "v.yaml" }] : []),
    ];
    const text = {
      namePrefix: `p${position}-`,
      resources,
      ...(component === position && { components: ["../component"] }),
      ...(has("patch") && { patches: [{ path: "patch.json", target: { kind: "ConfigMap", name: `own${position}` } }] }),
      ...(has("env") && { configMapGenerator: [{ name: `env${position}`, namespace: "web", envs: ["e.env"] }] }),
      ...(has("file") && { secretGenerator: [{ name: `file${position}`, namespace: "web", files: ["deep/f.txt"] }] }),
      ...(has("replacement") && { replacements: [{ path: "r.yaml" }] }),
      ...(has("transformer") && { transformers: ["../transformers"] }),
      ...(has("generator") && { generators: ["g.yaml"] }),
      ...(charts.length > 0 && { helmCharts: charts, ...(has("home") && { helmGlobals: { chartHome: "../homes" } }) }),
    };
    Object.assign(
      files,
      below(folder, {
        "kustomization.yaml": JSON.stringify(text),
        "own.yaml": configMap(`own${position}`, { a: "1" }),
        "patch.json": '[{"op": "add", "path": "/data/p", "value": "1"}]',
        "e.env": "A=1\n",
        "deep/f.txt": "text",
        "v.yaml": "v: 9\n",
        "r.yaml": JSON.stringify({
          source: { kind: "ConfigMap", name: `own${position}`, fieldPath: "data.a" },
          targets: [{ select: { kind: "ConfigMap" }, fieldPaths: ["data.r"], options: { create: true } }],
        }),
        "g.yaml": `apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: made${position}, namespace: web}\nfiles: [deep/f.txt]\n`,
        ...below("charts/own", chart(`own-chart-${position}`)),
      }),
    );
  }
  return files;
}
