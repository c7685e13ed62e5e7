import { mountOf } from "@axle/core/fleet/source-request.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withFile } from "./altered-snapshot.ts";
import { configMap, createRepositoryFixture, variantOf, type RepositoryFixture } from "./repository-fixture.ts";

let fleet: RepositoryFixture;

beforeAll(async () => {
  fleet = await createRepositoryFixture();
});

afterAll(() => fleet[Symbol.asyncDispose]());

const chart = {
  "Chart.yaml": "apiVersion: v2\nname: small\nversion: 1.0.0\n",
  "templates/cm.yaml":
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-chart, namespace: web}\ndata: {size: {{ .Values.size | quote }}}\n",
  "values.yaml": "size: 1\n",
};

function below(folder: string, files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]));
}

test("builds an overlay over its base, each object with the kustomization it came by", async () => {
  const snapshot = await fleet.commit({
    "ok/base/kustomization.yaml": "resources: [cm.yaml]\n",
    "ok/base/cm.yaml": configMap("settings", { a: "1" }, null),
    "ok/overlays/prod/kustomization.yml": "namespace: prod\nresources: [../../base]\nnamePrefix: my-\n",
  });
  expect(await fleet.renderer.inspect(snapshot, "ok/overlays/prod", fleet.signal)).toEqual({
    type: "kustomize",
    asksCapabilities: false,
  });
  const { objects, warnings } = await fleet.renderer.render(snapshot, variantOf("ok/overlays/prod"), fleet.signal);
  expect(objects.map(({ id, file }) => `${id} ${file}`)).toEqual([
    "/ConfigMap/prod/my-settings ok/overlays/prod/kustomization.yml",
  ]);
  expect(warnings).toEqual([]);
});

test("files outside of its folder are read where the fleet allows it, and where not the remedy is told", async () => {
  const snapshot = await fleet.commit({
    "anywhere/app/kustomization.yaml":
      "configMapGenerator: [{name: shared, namespace: web, files: [../shared/a.txt], options: {disableNameSuffixHash: true}}]\n",
    "anywhere/shared/a.txt": "one",
  });
  const variant = variantOf("anywhere/app", { readsAnywhere: true });
  const { objects } = await fleet.renderer.render(snapshot, variant, fleet.signal);
  expect(objects[0]?.object["data"]).toEqual({ "a.txt": "one" });
  await expect(fleet.renderer.render(snapshot, variantOf("anywhere/app"), fleet.signal)).rejects.toMatchObject({
    message: expect.stringContaining("spec.kustomize.loadRestrictor: none") as string,
  });
  const keyAt = (commit: typeof snapshot) => fleet.renderer.keyOf(commit, variant, fleet.signal);
  const before = await keyAt(snapshot);
  expect(await keyAt(await fleet.commit({ "anywhere/shared/a.txt": "two" }))).not.toBe(before);
});

test.each([
  ["an absolute path", "/etc/passwd"],
  ["a path that leaves the repository", "../../../../../../etc/passwd"],
])(
  "S5: nothing of the machine is read by it, by %s, in a kustomization or in a generator's own file",
  async (_, path) => {
    const generator = (name: string) =>
      `apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: ${name}, namespace: web}\nfiles: [${path}]\n`;
    const snapshot = await fleet.commit({
      "hostile/direct/kustomization.yaml": `configMapGenerator: [{name: a, namespace: web, files: [${path}]}]\n`,
      "hostile/generator/kustomization.yaml": "generators: [g.yaml]\n",
      "hostile/generator/g.yaml": generator("b"),
    });
    for (const folder of ["hostile/direct", "hostile/generator"]) {
      const rendered = fleet.renderer.render(snapshot, variantOf(folder, { readsAnywhere: true }), fleet.signal);
      await expect(rendered).rejects.not.toThrow(/root:x:/);
    }
  },
);

test("a kustomization that reads another repository stays within its folders, whatever the fleet allows", async () => {
  const { snapshot } = await fleet.compose(
    {
      "mixed/app/kustomization.yaml":
        "resources: ['https://git.example.com/bases.git//web?ref=v1']\nconfigMapGenerator: [{name: own, files: [../own.txt]}]\n",
      "mixed/own.txt": "own",
    },
    {
      "git https://git.example.com/bases.git v1": {
        "web/kustomization.yaml": "resources: [cm.yaml]\n",
        "web/cm.yaml": configMap("base"),
      },
    },
    ["mixed/app"],
  );
  const rendered = fleet.renderer.render(snapshot, variantOf("mixed/app", { readsAnywhere: true }), fleet.signal);
  await expect(rendered).rejects.toThrow(/is not in or below/);
});

const fileGenerator = (path: string): string =>
  `apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: read, namespace: web}\nfiles: [${path}]\n`;

test.each([
  ["in the root of the repository", "", "https://git.example.com/bases.git//web?ref=v1", "../../../../../../own.txt"],
  ["as a generator from a web server", "fetched/app", "https://example.com/generator.yaml", "../own.txt"],
])(
  "S5: what is somebody else's does not read the fleet's files where the fleet allows its own to, %s",
  async (...row) => {
    const [, folder, address, path] = row;
    const above = folder === "" ? "" : "fetched/";
    const field = address.endsWith(".yaml") ? "generators" : "resources";
    const { snapshot } = await fleet.compose(
      {
        [`${folder === "" ? "" : `${folder}/`}kustomization.yaml`]: `${field}: ['${address}']\n`,
        [`${above}own.txt`]: "own",
      },
      {
        "git https://git.example.com/bases.git v1": {
          "web/kustomization.yaml": "generators: [g.yaml]\n",
          "web/g.yaml": fileGenerator(path),
        },
        "file https://example.com/generator.yaml": { "generator.yaml": fileGenerator(path) },
      },
      [folder],
    );
    const rendered = fleet.renderer.render(snapshot, variantOf(folder, { readsAnywhere: true }), fleet.signal);
    await expect(rendered).rejects.toThrow(/is not in or below|leads out of the repository it is written in/);
  },
);

test.each([
  ["by the place they have when it is rendered", "/tree/around/shared.txt"],
  ["by a way out of the repository and in again", "../../../tree/around/shared.txt"],
])("files whose changes nobody would notice are not read where the fleet allows it, %s", async (_, path) => {
  const snapshot = await fleet.commit({
    "around/inline/kustomization.yaml": `generators:\n- |-\n  ${fileGenerator(path).trim().replaceAll("\n", "\n  ")}\n`,
    "around/plugin/kustomization.yaml": "generators: [g.yaml]\n",
    "around/plugin/g.yaml": fileGenerator(path),
    "around/shared.txt": "one",
  });
  for (const folder of ["around/inline", "around/plugin"]) {
    const rendered = fleet.renderer.render(snapshot, variantOf(folder, { readsAnywhere: true }), fleet.signal);
    await expect(rendered).rejects.toMatchObject({ code: "escapes" });
  }
});

test("a generator of another branch reads nothing outside of it, whatever the fleet allows", async () => {
  const folder = `${mountOf({ type: "ref", ref: "staging" })}/app`;
  const own = await fleet.commit({ "own.txt": "own" });
  const snapshot = withFile(
    withFile(own, `${folder}/kustomization.yaml`, "generators: [g.yaml]\n"),
    `${folder}/g.yaml`,
    fileGenerator("../../../../../own.txt"),
  );
  const rendered = fleet.renderer.render(snapshot, variantOf(folder, { readsAnywhere: true }), fleet.signal);
  await expect(rendered).rejects.toMatchObject({ code: "escapes" });
});

test("the kustomization of the repository's root can be rendered", async () => {
  const snapshot = await fleet.commit({
    "kustomization.yaml": "resources: [root.yaml]\n",
    "root.yaml": configMap("root"),
  });
  const { objects } = await fleet.renderer.render(snapshot, variantOf(""), fleet.signal);
  expect(objects.map(({ id }) => id)).toEqual(["/ConfigMap/web/root"]);
  await fleet.commit({ "kustomization.yaml": null, "root.yaml": null });
});

test("kustomize's own words come with the file they are about and without paths of this machine", async () => {
  const snapshot = await fleet.commit({
    "bad/yaml/kustomization.yaml": "resources: [cm.yaml]\n",
    "bad/yaml/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a\n",
    "bad/field/kustomization.yaml": "resource: [cm.yaml]\n",
    "bad/missing/kustomization.yaml": "resources: [../nothing]\n",
    "bad/syntax/kustomization.yaml": "resources: [a\n",
  });
  for (const [folder, code, file, message] of [
    ["bad/yaml", "renderer", "bad/yaml/cm.yaml", /MalformedYAMLError/],
    ["bad/field", "renderer", "bad/field/kustomization.yaml", /unknown field "resource"/],
    [
      "bad/missing",
      "source",
      "bad/missing/kustomization.yaml",
      /^"\.\.\/nothing" is not there: the repository has no "bad\/nothing"; check the path$/,
    ],
    ["bad/syntax", "source", "bad/syntax/kustomization.yaml", /./],
  ] as const) {
    const rendered = fleet.renderer.render(snapshot, variantOf(folder), fleet.signal);
    await expect(rendered).rejects.toMatchObject({
      code,
      place: { file },
      message: expect.stringMatching(message) as unknown,
    });
    await expect(rendered).rejects.not.toThrow(/\/tree|\/tmp/);
  }
});

test("what is named and not there is said with its place, and with what it may be", async () => {
  const snapshot = await fleet.commit({
    "typo/bases/cache/kustomization.yaml": "resources: [cm.yaml]\n",
    "typo/bases/cache/cm.yaml": configMap("cache"),
    "typo/app/kustomization.yaml": "resources:\n- ../bases/cach\n",
    "typo/chart/kustomization.yaml": "helmCharts:\n- name: gone\n  releaseName: r\n",
  });
  await expect(fleet.renderer.render(snapshot, variantOf("typo/app"), fleet.signal)).rejects.toMatchObject({
    code: "source",
    place: { file: "typo/app/kustomization.yaml", line: 2, column: 3 },
    message: '"../bases/cach" is not there: the repository has no "typo/bases/cach"; did you mean "cache"?',
  });
  await expect(fleet.renderer.render(snapshot, variantOf("typo/chart"), fleet.signal)).rejects.toMatchObject({
    code: "source",
    message:
      'the chart gone is not there: the repository has no folder "typo/chart/charts/gone", and no repo is named to fetch it from',
  });
});

test("bases that name each other in a circle are an error, not a loop", async () => {
  const snapshot = await fleet.commit({
    "circle/a/kustomization.yaml": "resources: [../b]\n",
    "circle/b/kustomization.yaml": "resources: [../a]\n",
  });
  expect(await fleet.renderer.keyOf(snapshot, variantOf("circle/a"), fleet.signal)).toMatch(/^[0-9a-f]{64}$/);
  await expect(fleet.renderer.render(snapshot, variantOf("circle/a"), fleet.signal)).rejects.toMatchObject({
    code: "renderer",
    message: expect.stringContaining("cycle detected") as unknown,
  });
});

describe("a reference that leaves the repository", () => {
  test.each([
    ["resources: [../../../../etc]", "escapes", "../../../../etc"],
    ["components: [/etc]", "escapes", "/etc"],
    ["patches: [{path: ../../../x.yaml}]", "escapes", "../../../x.yaml"],
    ["configMapGenerator: [{name: x, files: [a=/etc/passwd]}]", "escapes", "/etc/passwd"],
    ["helmGlobals: {chartHome: ../../../..}\nhelmCharts: [{name: x}]", "escapes", "../../../.."],
    ["helmCharts: [{name: ../../../etc}]", "escapes", "../../../etc"],
    ["helmCharts: [{name: x, valuesFile: /etc/passwd}]", "escapes", "/etc/passwd"],
    [
      "generators:\n- |-\n  apiVersion: builtin\n  kind: HelmChartInflationGenerator\n  metadata: {name: x}\n  chartHome: /etc\n",
      "escapes",
      "/etc",
    ],
    [
      "generators: ['{apiVersion: builtin, kind: HelmChartInflationGenerator, metadata: {name: x}, chartHome: /etc}']",
      "escapes",
      "/etc",
    ],
    ["generators: [gen.yaml]", "escapes", "../../../x"],
    [
      "helmCharts: [{name: x, valuesFile: 'https://example.com/values.yaml'}]",
      "remote",
      "https://example.com/values.yaml",
    ],
    ["helmCharts: [{name: 'oci://example.com/x'}]", "remote", "oci://example.com/x"],
    ["resources: ['https://example.com/base.yaml']", "remote", "https://example.com/base.yaml"],
    ["resources: ['github.com/acme/base?ref=v1']", "remote", "github.com/acme/base?ref=v1"],
    ["bases: ['git@example.com:acme/base.git']", "remote", "git@example.com:acme/base.git"],
    ["resources: ['git::file:///srv/x']", "remote", "git::file:///srv/x"],
    ["resources: ['file:///etc']", "remote", "file:///etc"],
    [
      "helmCharts: [{name: x, repo: 'https://charts.example.com', version: 1.0.0}]",
      "remote",
      "https://charts.example.com",
    ],
  ])("%j is refused", async (text, code, named) => {
    const snapshot = await fleet.commit({
      "out/kustomization.yaml": `${text}\n`,
      "out/gen.yaml":
        "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: x\nchartHome:\n  ../../../x\n",
    });
    await expect(fleet.renderer.render(snapshot, variantOf("out"), fleet.signal)).rejects.toMatchObject({
      code,
      place: { file: expect.stringMatching(/^out\/(kustomization|gen)\.yaml$/) as unknown },
      message: expect.stringContaining(named) as unknown,
    });
  });
});

test("kustomize may run helm on a chart of the repository", async () => {
  const snapshot = await fleet.commit({
    ...below("with-helm/charts/small", chart),
    "with-helm/kustomization.yaml": "helmCharts: [{name: small, releaseName: small, valuesInline: {size: 7}}]\n",
  });
  const { objects } = await fleet.renderer.render(snapshot, variantOf("with-helm"), fleet.signal);
  expect(objects.map(({ id, object }) => [id, object["data"]])).toEqual([["/ConfigMap/web/from-chart", { size: "7" }]]);
});

test("a chart in a kustomization that asks what the cluster can do is told, and is a matter of the variant", async () => {
  const asks =
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: asks, namespace: web}\ndata: {v: "{{ .Capabilities.KubeVersion.Version }}", m: "{{ .Capabilities.APIVersions.Has "example.com/v1/Widget" }}", n: "{{ .Capabilities.APIVersions.Has "example.com/v1" }}"}\n';
  const snapshot = await fleet.commit({
    ...below("asking/charts/small", { ...chart, "templates/cm.yaml": asks }),
    "asking/kustomization.yaml": "helmCharts: [{name: small, releaseName: small}]\n",
    ...below("quiet/charts/small", chart),
    "quiet/kustomization.yaml": "helmCharts: [{name: small, releaseName: small}]\n",
  });
  const inspect = (path: string) => fleet.renderer.inspect(snapshot, path, fleet.signal);
  expect([await inspect("asking"), await inspect("quiet")]).toEqual([
    { type: "kustomize", asksCapabilities: true },
    { type: "kustomize", asksCapabilities: false },
  ]);
  const capabilities = { kubernetesVersion: "v1.31.4", apiVersions: ["example.com/v1/Widget", "v1/Pod"] };
  const { objects } = await fleet.renderer.render(snapshot, variantOf("asking", { capabilities }), fleet.signal);
  expect(objects[0]?.object["data"]).toEqual({ v: "v1.31.4", m: "true", n: "true" });
});

test("generators with paths, plugins of programs and functions are not run", async () => {
  const snapshot = await fleet.commit({
    "exec/kustomization.yaml": "generators: [gen.yaml]\n",
    "exec/gen.yaml":
      "apiVersion: example.com/v1\nkind: Gen\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: ./run.sh}\n",
    "exec/run.sh": "#!/bin/sh\necho pwned >&2\n",
  });
  await expect(fleet.renderer.render(snapshot, variantOf("exec"), fleet.signal)).rejects.toMatchObject({
    code: "renderer",
  });
});
