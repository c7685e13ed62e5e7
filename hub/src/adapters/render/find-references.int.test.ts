import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Elsewhere } from "./compose-sources.ts";
import { RenderError } from "./render-error.ts";
import { configMap, createRepositoryFixture, variantOf, type RepositoryFixture } from "./repository-fixture.ts";

let fleet: RepositoryFixture;

beforeAll(async () => {
  fleet = await createRepositoryFixture();
});

afterAll(() => fleet[Symbol.asyncDispose]());

function chart(name: string, version = "1.0.0", more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const lines = ["apiVersion: v1", "kind: ConfigMap", `metadata: {name: "${name}", namespace: web}`];
  const data = `data: {size: {{ .Values.size | quote }}, chart: "{{ .Chart.Name }}-{{ .Chart.Version }}", release: "{{ .Release.Name }}"}`;
  return {
    "Chart.yaml": `apiVersion: v2\nname: ${name}\nversion: ${version}\n`,
    "values.yaml": "size: 1\n",
    "templates/cm.yaml": [...lines, data, ""].join("\n"),
    ...more,
  };
}

function below(folder: string, files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]));
}

/** Renders one folder; ids with their data. */
async function render(
  files: Readonly<Record<string, string>>,
  elsewhere: Elsewhere,
  folder = "app",
): Promise<{ readonly objects: Readonly<Record<string, unknown>>; readonly requests: readonly string[] }> {
  const { snapshot, requests } = await fleet.compose({ app: null, base: null, lib: null, ...files }, elsewhere, [
    folder,
  ]);
  const { objects } = await fleet.renderer.render(snapshot, variantOf(folder), fleet.signal);
  return { objects: Object.fromEntries(objects.map(({ id, object }) => [id, object["data"] ?? null])), requests };
}

describe("what a kustomization names elsewhere", () => {
  test("bases, components and generators of other repositories are built as if they were here, through each other", async () => {
    const elsewhere = {
      "git https://github.com/acme/base v1": {
        "deploy/kustomization.yaml":
          "resources: [cm.yaml, ../common, 'git@git.example.com:acme/deep.git//x?ref=main']\n",
        "deploy/cm.yaml": configMap("base", { a: "1" }),
        "common/kustomization.yaml": "resources: [cm.yaml]\n",
        "common/cm.yaml": configMap("common"),
        "labels/kustomization.yaml":
          'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches: [{target: {name: base}, patch: \'[{"op": "add", "path": "/data/c", "value": "2"}]\'}]\n',
      },
      "git git@git.example.com:acme/deep.git main": {
        "x/kustomization.yaml": "resources: [cm.yaml]\n",
        "x/cm.yaml": configMap("deep"),
      },
    };
    const { objects, requests } = await render(
      {
        "app/kustomization.yaml":
          "resources: [../base] # ours\ncomponents:\n- https://github.com/acme/base//labels?ref=v1\n",
        "base/kustomization.yaml": "resources:\n# theirs\n- github.com/acme/base/deploy?ref=v1\n",
      },
      elsewhere,
    );
    expect(objects).toEqual({
      "/ConfigMap/web/base": { a: "1", c: "2" },
      "/ConfigMap/web/common": {},
      "/ConfigMap/web/deep": {},
    });
    expect(requests.toSorted()).toEqual(Object.keys(elsewhere).toSorted());
  });

  test("single files stand beside the kustomization, in every field that takes one", async () => {
    const crd = "https://raw.example.com/acme/v1/cm.yaml?token=none";
    const patch = "https://example.com/patch";
    const text = "http://example.com/a/settings.txt";
    const { objects, requests } = await render(
      {
        "app/kustomization.yaml": `resources: ['${crd}']\npatches: [{path: '${patch}', target: {name: far}}]\nconfigMapGenerator: [{name: gen, namespace: web, files: ['${text}', 'key=${text}'], options: {disableNameSuffixHash: true}}]\n`,
      },
      {
        [`file ${crd}`]: { "cm.yaml": configMap("far") },
        [`file ${patch}`]: { patch: '[{"op": "add", "path": "/data", "value": {"p": "1"}}]' },
        [`file ${text}`]: { "settings.txt": "hello" },
      },
    );
    expect(objects).toEqual({
      "/ConfigMap/web/far": { p: "1" },
      "/ConfigMap/web/gen": { "settings.txt": "hello", key: "hello" },
    });
    expect(requests).toHaveLength(3);
  });

  test("charts stand where kustomize looks before it downloads, with their own values and dependencies", async () => {
    const { objects, requests } = await render(
      {
        "app/kustomization.yaml": [
          "helmCharts:",
          "- {name: web, repo: 'https://charts.example.com/', version: 1.2.3, releaseName: one, valuesInline: {size: 2}}",
          "- {name: api, repo: 'oci://registry.example.com/charts', version: v2.0.0, releaseName: two, valuesFile: v.yaml}",
          "- {name: plain, repo: 'https://charts.example.com', version: 1.0.0, releaseName: three}",
          "",
        ].join("\n"),
        "app/v.yaml": "size: 3\n",
      },
      {
        "chart https://charts.example.com web 1.2.3": chart("web", "1.2.3"),
        "chart oci://registry.example.com/charts api v2.0.0": chart("api", "2.0.0"),
        "chart https://charts.example.com plain 1.0.0": chart("plain"),
      },
    );
    expect(objects).toEqual({
      "/ConfigMap/web/web": { size: "2", chart: "web-1.2.3", release: "one" },
      "/ConfigMap/web/api": { size: "3", chart: "api-2.0.0", release: "two" },
      "/ConfigMap/web/plain": { size: "1", chart: "plain-1.0.0", release: "three" },
    });
    expect(requests).toHaveLength(3);
  });

  test("a generator in a file of its own may name a chart, and so may a chart home of its own", async () => {
    const generator = (home: string): string =>
      `apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: g}\nname: web\nrepo: https://charts.example.com\nversion: 1.2.3\nreleaseName: g\n${home}`;
    const elsewhere = { "chart https://charts.example.com web 1.2.3": chart("web", "1.2.3") };
    for (const home of ["", "chartHome: deep/home\n"]) {
      const files = { "app/kustomization.yaml": "generators: [gen.yaml]\n", "app/gen.yaml": generator(home) };
      expect(Object.keys((await render(files, elsewhere)).objects)).toEqual(["/ConfigMap/web/web"]);
    }
    const globals =
      "helmGlobals: {chartHome: home}\nhelmCharts: [{name: web, repo: 'https://charts.example.com', version: 1.2.3, releaseName: g}]\n";
    expect(Object.keys((await render({ "app/kustomization.yaml": globals }, elsewhere)).objects)).toEqual([
      "/ConfigMap/web/web",
    ]);
  });

  test("what is vendored is asked of nobody", async () => {
    const { requests } = await render(
      {
        "app/kustomization.yaml":
          "resources: [base]\nhelmCharts:\n- {name: web, repo: 'https://charts.example.com', version: 1.2.3, releaseName: a}\n- {name: old, releaseName: b}\n",
        ...below("app/charts/web-1.2.3/web", chart("web", "1.2.3")),
        ...below("app/charts/old", chart("old")),
        "app/base/kustomization.yaml": "resources: [cm.yaml]\n",
        "app/base/cm.yaml": configMap("vendored"),
      },
      {},
    );
    expect(requests).toEqual([]);
  });
});

describe("dependencies of charts", () => {
  const dependencies = (lines: readonly string[]): string =>
    `apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n${lines.map((line) => `- ${line}\n`).join("")}`;

  test("come from repositories and registries, by exact version or lock file; aliases and conditions as helm has them", async () => {
    const { objects, requests } = await render(
      {
        ...below("app", chart("app")),
        "app/Chart.yaml": dependencies([
          "{name: web, version: 1.2.3, repository: 'https://charts.example.com', alias: front}",
          "{name: web, version: 1.2.3, repository: 'https://charts.example.com', alias: back}",
          "{name: api, version: ^2.0.0, repository: 'oci://registry.example.com/charts'}",
          "{name: extra, version: 1.0.0, repository: 'https://charts.example.com', condition: extra.enabled}",
        ]),
        "app/values.yaml": "size: 1\nfront: {size: 8}\nback: {size: 9}\nextra: {enabled: false}\n",
        "app/Chart.lock":
          "dependencies:\n- {name: web, version: 1.2.3}\n- {name: web, version: 1.2.3}\n- {name: api, version: 2.4.1}\n- {name: extra, version: 1.0.0}\n",
      },
      {
        "chart https://charts.example.com web 1.2.3": {
          ...chart("web", "1.2.3"),
          "templates/cm.yaml":
            'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "{{ .Chart.Name }}", namespace: web}\ndata: {size: {{ .Values.size | quote }}}\n',
        },
        "chart oci://registry.example.com/charts api 2.4.1": chart("api", "2.4.1"),
        "chart https://charts.example.com extra 1.0.0": chart("extra"),
      },
    );
    expect(objects).toEqual({
      "/ConfigMap/web/app": { size: "1", chart: "app-1.0.0", release: "web" },
      "/ConfigMap/web/front": { size: "8" },
      "/ConfigMap/web/back": { size: "9" },
      "/ConfigMap/web/api": { size: "1", chart: "api-2.4.1", release: "web" },
    });
    expect(requests).toHaveLength(3);
  });

  test("charts of this repository stand in by links, with what they depend on in turn", async () => {
    const { objects, requests } = await render(
      {
        ...below("app", chart("app")),
        "app/Chart.yaml": dependencies(["{name: lib, version: '*', repository: 'file://../lib'}"]),
        ...below("lib", chart("lib")),
        "lib/Chart.yaml":
          "apiVersion: v2\nname: lib\nversion: 1.0.0\ndependencies: [{name: web, version: 1.2.3, repository: 'https://charts.example.com'}]\n",
      },
      { "chart https://charts.example.com web 1.2.3": chart("web", "1.2.3") },
    );
    expect(Object.keys(objects).toSorted()).toEqual(["/ConfigMap/web/app", "/ConfigMap/web/lib", "/ConfigMap/web/web"]);
    expect(requests).toHaveLength(1);
  });

  test("fetched charts get theirs, too, and one that needs itself is not packed into itself without end", async () => {
    const withDependencies = (...names: readonly string[]): Elsewhere => {
      const list = names.map((name) => `{name: ${name}, version: 1.0.0, repository: 'https://charts.example.com'}`);
      const meta = `apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [${list.join(", ")}]\n`;
      return {
        "chart https://charts.example.com web 1.0.0": chart("web", "1.0.0", { "Chart.yaml": meta }),
        "chart https://charts.example.com api 1.0.0": chart("api"),
      };
    };
    const files = {
      "app/kustomization.yaml":
        "helmCharts: [{name: web, repo: 'https://charts.example.com', version: 1.0.0, releaseName: a}]\n",
    };
    const { objects } = await render(files, withDependencies("api"));
    expect(Object.keys(objects).toSorted()).toEqual(["/ConfigMap/web/api", "/ConfigMap/web/web"]);
    const { requests } = await fleet.compose(files, withDependencies("api", "web"), ["app"]);
    expect(requests).toHaveLength(2);
  });

  test("charts of the first format keep them in requirements.yaml", async () => {
    const { objects } = await render(
      {
        ...below("app", chart("app")),
        "app/Chart.yaml": "apiVersion: v1\nname: app\nversion: 1.0.0\n",
        "app/requirements.yaml":
          "dependencies: [{name: web, version: ~1.2.0, repository: 'https://charts.example.com'}]\n",
        "app/requirements.lock":
          "dependencies: [{name: web, version: 1.2.3, repository: 'https://charts.example.com'}]\n",
      },
      { "chart https://charts.example.com web 1.2.3": chart("web", "1.2.3") },
    );
    expect(Object.keys(objects).toSorted()).toEqual(["/ConfigMap/web/app", "/ConfigMap/web/web"]);
  });

  test("charts that depend on each other in a circle are told, and not followed for ever", async () => {
    const files = {
      ...below("app", chart("app")),
      "app/Chart.yaml": dependencies(["{name: lib, version: 1.0.0, repository: 'file://../lib'}"]),
      ...below("lib", chart("lib")),
      "lib/Chart.yaml":
        "apiVersion: v2\nname: lib\nversion: 1.0.0\ndependencies: [{name: app, version: 1.0.0, repository: 'file://../app'}]\n",
    };
    await expect(render(files, {})).rejects.toThrow(
      /^the chart lib \(lib\) depends on what is not there: app is to stand at "\.\.\/app", where there is no chart, or one that depends on this one/,
    );
  });
});

describe("a chart that would be put where something else stands is missing for the app that needs it, and for no other", () => {
  const dependsOn = (name: string, repository: string): Record<string, string> => ({
    ...below("app", chart("app")),
    "app/Chart.yaml": `apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies: [{name: ${name}, version: 1.0.0, repository: '${repository}'}]\n`,
    ...below("lib", chart("lib")),
  });
  const far = "https://charts.example.com";
  const kustomization = { "app/kustomization.yaml": `helmCharts: [{name: web, repo: '${far}', version: 1.0.0}]\n` };
  const remoteFile = { "app/kustomization.yaml": `resources: ['${far}/x.yaml']\n` };
  const elsewhere: Elsewhere = {
    [`chart ${far} web 1.0.0`]: {
      ...chart("web"),
      "Chart.yaml": `apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{name: api, version: 1.0.0, repository: '${far}'}]\n`,
      charts: "a file",
    },
    [`chart ${far} api 1.0.0`]: chart("api"),
    [`file ${far}/x.yaml`]: { "x.yaml": configMap("x") },
  };
  test.each<readonly [string, Readonly<Record<string, string>>]>([
    ["a folder without a chart", { ...dependsOn("lib", "file://../lib"), "app/charts/lib/.gitkeep": "" }],
    ["a file", { ...dependsOn("lib", "file://../lib"), "app/charts/lib": "" }],
    ["a file for the folder of charts", { ...dependsOn("lib", "file://../lib"), "app/charts": "" }],
    ["a file, a fetched chart", { ...dependsOn("api", far), "app/charts/api": "" }],
    ["a file for the folder of charts, a fetched chart", { ...dependsOn("api", far), "app/charts": "" }],
    ["a file in a fetched chart", kustomization],
    ["a file for the files from elsewhere", { ...remoteFile, "app/.axle-files": "" }],
    ["a file where kustomize looks", { ...kustomization, "app/charts/web-1.0.0/web": "" }],
    ["a file for kustomize's folder of charts", { ...kustomization, "app/charts": "" }],
  ])("%s", async (_, files) => {
    const changes = { app: null, lib: null, ...below("other", chart("other")), ...files };
    const { snapshot } = await fleet.compose(changes, elsewhere, ["app", "other"]);
    await expect(fleet.renderer.render(snapshot, variantOf("app"), fleet.signal)).rejects.toThrow(RenderError);
    const { objects } = await fleet.renderer.render(snapshot, variantOf("other"), fleet.signal);
    expect(objects.map(({ id }) => id)).toEqual(["/ConfigMap/web/other"]);
  });

  test("a link for the folder of charts", async () => {
    const files = { ...below("other", chart("other")), ...dependsOn("lib", "file://../lib") };
    await fleet.compose({ app: null, lib: null, ...files }, {}, []);
    await fleet.commitLinks({ "app/charts": "../lib/templates" });
    const { snapshot } = await fleet.compose({ "lib/more.txt": "" }, {}, ["app", "other"]);
    await expect(fleet.renderer.render(snapshot, variantOf("app"), fleet.signal)).rejects.toThrow(RenderError);
    expect((await fleet.renderer.render(snapshot, variantOf("other"), fleet.signal)).objects).toHaveLength(1);
  });
});

describe("what cannot be fetched as it is written is refused in words that help", () => {
  const lock = "dependencies: [{name: web, version: 1.2.3, repository: 'https://charts.example.com'}]\n";
  const withDependency = (version: string, more: Readonly<Record<string, string>> = {}) => ({
    ...below("app", chart("app")),
    "app/Chart.yaml": `apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies: [{name: web, version: '${version}', repository: 'https://charts.example.com'}]\n`,
    ...more,
  });
  test.each([
    [
      { "app/kustomization.yaml": "resources: ['https://github.com/acme/base?ref=v1']\n" },
      /cannot be fetched: .*nobody has it$/,
    ],
    [
      { "app/kustomization.yaml": "resources: ['https://example.com/x.yaml']\n" },
      /cannot be fetched: .*nobody has it$/,
    ],
    [{ "app/kustomization.yaml": "resources: ['file:///srv/x']\n" }, /https or ssh address/],
    [
      { "app/kustomization.yaml": "helmCharts: [{name: web, repo: 'https://charts.example.com', version: 1.2.3}]\n" },
      /the chart web of https:\/\/charts.example.com cannot be fetched: .*nobody has it/,
    ],
    [
      { "app/kustomization.yaml": "helmCharts: [{name: web, repo: 'https://charts.example.com', version: ^1.2.3}]\n" },
      /names the version \^1.2.3; only an exact version/,
    ],
    [
      { "app/kustomization.yaml": "helmCharts: [{name: web, repo: 'https://charts.example.com'}]\n" },
      /names no version/,
    ],
    [
      withDependency("^1.0.0"),
      /web is wanted at \^1.0.0, and no lock file says which that is; run "helm dependency update"/,
    ],
    [withDependency("1.2.4", { "app/Chart.lock": lock }), /web is wanted at 1.2.4 and locked at 1.2.3/],
    [withDependency("^1.0.0", { "app/Chart.lock": lock }), /web 1.2.3 cannot be fetched: .*nobody has it/],
  ])("%j", async (files, message) => {
    await expect(render(files, {})).rejects.toMatchObject({
      code: expect.stringMatching(/^(remote|dependency)$/) as unknown,
      message: expect.stringMatching(message) as unknown,
    });
  });

  test("a folder that the other repository does not have", async () => {
    const files = { "app/kustomization.yaml": "resources: ['https://github.com/acme/base//nowhere?ref=v1']\n" };
    await expect(render(files, { "git https://github.com/acme/base v1": { a: "x" } })).rejects.toMatchObject({
      code: "remote",
      message: 'https://github.com/acme/base at v1 has no folder "nowhere" with a kustomization; check the path',
    });
  });

  test("a base of another repository that climbs out of it", async () => {
    const files = {
      "app/kustomization.yaml": "resources: ['https://github.com/acme/base?ref=v1']\n",
      "base/kustomization.yaml": "resources: [cm.yaml]\n",
      "base/cm.yaml": configMap("ours"),
    };
    const theirs = { "kustomization.yaml": "resources: [../../../../../base]\n" };
    await expect(render(files, { "git https://github.com/acme/base v1": theirs })).rejects.toMatchObject({
      code: "escapes",
    });
  });
});

test("a repository that is named without a ref is its default branch, with a warning that names the file", async () => {
  const { snapshot } = await fleet.compose(
    { app: null, "app/kustomization.yaml": "resources: ['https://github.com/acme/base']\n" },
    {
      "git https://github.com/acme/base HEAD": {
        "kustomization.yaml": "resources: [cm.yaml]\n",
        "cm.yaml": configMap("far"),
      },
    },
    ["app"],
  );
  const { warnings } = await fleet.renderer.render(snapshot, variantOf("app"), fleet.signal);
  expect(warnings).toMatchObject([
    {
      severity: "warning",
      place: { file: "app/kustomization.yaml" },
      message: expect.stringMatching(/without a ref.*add \?ref=/) as unknown,
    },
  ]);
});

test("the memo key follows what is fetched, and a source that comes back changes it", async () => {
  const files = { "app/kustomization.yaml": "resources: ['https://github.com/acme/base?ref=main']\n" };
  const key = async (elsewhere: Elsewhere): Promise<string> => {
    const { snapshot } = await fleet.compose(files, elsewhere, ["app"]);
    return fleet.renderer.keyOf(snapshot, variantOf("app"), fleet.signal);
  };
  const base = (text: string): Elsewhere => ({
    "git https://github.com/acme/base main": { "kustomization.yaml": "resources: [cm.yaml]\n", "cm.yaml": text },
  });
  const keys = [await key({}), await key(base(configMap("a"))), await key(base(configMap("b"))), await key({})];
  expect(new Set(keys).size).toBe(3);
  expect(keys[3]).toBe(keys[0]);
});
