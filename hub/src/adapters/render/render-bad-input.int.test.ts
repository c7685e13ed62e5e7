import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configMap, createRepositoryFixture, variantOf, type RepositoryFixture } from "./repository-fixture.ts";

let fleet: RepositoryFixture;

beforeAll(async () => {
  fleet = await createRepositoryFixture();
});

afterAll(() => fleet[Symbol.asyncDispose]());

const BOM = "\uFEFF";
const yaml = (name: string, value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  namespace: web\ndata:\n  v: ${value}\n`;
const chart = (name: string, files: Readonly<Record<string, string>>): Record<string, string> => ({
  [`${name}/Chart.yaml`]: `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`,
  ...Object.fromEntries(Object.entries(files).map(([path, text]) => [`${name}/${path}`, text])),
});

test("a byte order mark and Windows line ends change nothing, whatever renders", async () => {
  const windows = (text: string): string => `${BOM}${text.replaceAll("\n", "\r\n")}`;
  const snapshot = await fleet.commit({
    "raw/a.yaml": windows(yaml("a", "raw")),
    "kustomize/kustomization.yaml": windows("resources:\n- a.yaml\nnamePrefix: k-\n"),
    "kustomize/a.yaml": windows(yaml("a", "kustomize")),
    ...chart("helm", {
      "values.yaml": windows("v: helm\n"),
      "templates/a.yaml": windows(yaml("a", "{{ .Values.v }}")),
    }),
  });
  for (const [path, name] of [
    ["raw", "a"],
    ["kustomize", "k-a"],
    ["helm", "a"],
  ] as const) {
    const { objects } = await fleet.renderer.render(snapshot, variantOf(path), fleet.signal);
    expect(objects.map(({ id, object }) => [id, object["data"]])).toEqual([[`/ConfigMap/web/${name}`, { v: path }]]);
  }
});

test("tabs are an error with the line and the remedy", async () => {
  const snapshot = await fleet.commit({ "tabs/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: a\n" });
  await expect(fleet.renderer.render(snapshot, variantOf("tabs"), fleet.signal)).rejects.toMatchObject({
    code: "manifest",
    place: { file: "tabs/a.yaml", line: 4 },
    message: expect.stringMatching(/indent with spaces/) as unknown,
  });
});

describe("bytes that are no UTF-8", () => {
  const latin = Buffer.concat([Buffer.from(yaml("a", "").trimEnd()), Buffer.from([0xe4, 0x0a])]);

  test.each([
    ["manifests", "latin-raw", "a.yaml", {}],
    ["a kustomization", "latin-kustomization", "kustomization.yaml", {}],
    ["a values file", "latin-values", "values.yaml", chart("latin-values", { "templates/a.yaml": yaml("a", "x") })],
    ["a chart's description", "latin-chart", "Chart.yaml", { "latin-chart/templates/a.yaml": yaml("a", "x") }],
  ])("in %s are an error of that app, and of no other", async (_what, folder, file, files) => {
    await fleet.commit({ "fine/a.yaml": configMap("fine"), [`${folder}/${file}`]: "x", ...files });
    await writeFile(
      `${fleet.work}/${folder}/${file}`,
      file === "a.yaml" ? latin : Buffer.from([0x61, 0x3a, 0x20, 0xe4, 0x0a]),
    );
    const snapshot = await fleet.commit({});
    const outcome = (async () => {
      await fleet.renderer.inspect(snapshot, folder, fleet.signal);
      await fleet.renderer.keyOf(snapshot, variantOf(folder), fleet.signal);
    })();
    await expect(outcome).resolves.toBeUndefined();
    await expect(fleet.renderer.render(snapshot, variantOf(folder), fleet.signal)).rejects.toMatchObject({
      message: expect.stringMatching(/UTF-8|utf-8|control characters/i) as unknown,
    });
    const { objects } = await fleet.renderer.render(snapshot, variantOf("fine"), fleet.signal);
    expect(objects).toHaveLength(1);
  });
});

describe("texts that grow", () => {
  const bomb = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    .concat(
      "bcdefg"
        .split("")
        .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${"abcdefg"[index]}`).join(", ")}]`),
    )
    .join("\n");

  test.each([
    ["manifests", "bomb-raw", { "bomb-raw/a.yaml": `${yaml("a", "x")}more:\n${bomb.replaceAll(/^/gm, "  ")}\n` }],
    ["a kustomization", "bomb-kustomization", { "bomb-kustomization/kustomization.yaml": `${bomb}\n` }],
    [
      "what a kustomization names",
      "bomb-kustomize",
      {
        "bomb-kustomize/kustomization.yaml": "resources: [a.yaml]\n",
        "bomb-kustomize/a.yaml": `${yaml("a", "x")}more:\n${bomb.replaceAll(/^/gm, "  ")}\n`,
      },
    ],
    [
      "values",
      "bomb-values",
      chart("bomb-values", {
        "values.yaml": bomb,
        "templates/a.yaml": `${yaml("a", "x")}more: {{ toJson .Values.g }}\n`,
      }),
    ],
  ])("by aliases in %s fail within time and memory", async (_what, folder, files) => {
    const snapshot = await fleet.commit(files);
    await fleet.renderer.keyOf(snapshot, variantOf(folder), fleet.signal);
    const before = process.memoryUsage.rss();
    await expect(fleet.renderer.render(snapshot, variantOf(folder), fleet.signal)).rejects.toMatchObject({
      name: "RenderError",
    });
    expect(process.memoryUsage.rss() - before).toBeLessThan(512 * 1024 ** 2);
  });
});

test("a hook without a kind, or without a name, is an error that names its template", async () => {
  const hook = 'metadata: {annotations: {"helm.sh/hook": pre-install}';
  const snapshot = await fleet.commit({
    ...chart("no-kind", { "templates/h.yaml": `apiVersion: v1\n${hook}, name: h}\n` }),
    ...chart("no-name", { "templates/h.yaml": `apiVersion: v1\nkind: ConfigMap\n${hook}}\n` }),
  });
  for (const [folder, field] of [
    ["no-kind", /kind/],
    ["no-name", /name/],
  ] as const) {
    await expect(fleet.renderer.render(snapshot, variantOf(folder), fleet.signal)).rejects.toMatchObject({
      place: { file: `${folder}/templates/h.yaml` },
      message: expect.stringMatching(field) as unknown,
    });
  }
});

test("a kustomization that is there twice, or holds itself, is an error and not a loop", async () => {
  const snapshot = await fleet.commit({
    "self/kustomization.yaml": "resources: [.]\n",
    "up/a/kustomization.yaml": "resources: [..]\n",
    "up/kustomization.yaml": "resources: [a]\n",
    "circle/a/kustomization.yaml": "components: [../b]\n",
    "circle/b/kustomization.yaml":
      "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncomponents: [../a]\n",
  });
  for (const folder of ["self", "up", "up/a", "circle/a"]) {
    await expect(fleet.renderer.render(snapshot, variantOf(folder), fleet.signal), folder).rejects.toMatchObject({
      code: "renderer",
    });
  }
});

test("include without end and a chart that packs itself end with the app's error", async () => {
  const snapshot = await fleet.commit(
    chart("recursion", { "templates/a.yaml": '{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}' }),
  );
  await expect(fleet.renderer.render(snapshot, variantOf("recursion"), fleet.signal)).rejects.toMatchObject({
    message: expect.stringMatching(/rendering template has a nested reference name|recursion|memory/i) as unknown,
  });
});
