import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Variant } from "@axle/core/placement/variant.ts";
import type { Elsewhere } from "./compose-sources.ts";
import { createRepositoryFixture, variantOf, type RepositoryFixture } from "./repository-fixture.ts";

const runProgram = promisify(execFile);
const FAR = "https://charts.example.com";
let fleet: RepositoryFixture;

beforeAll(async () => {
  fleet = await createRepositoryFixture();
});

afterAll(() => fleet[Symbol.asyncDispose]());

interface Dependency {
  readonly name: string;
  readonly [field: string]: unknown;
}

function chart(folder: string, name: string, dependencies: readonly Dependency[] = []): Record<string, string> {
  const declared = dependencies.map((one) => ({ version: "1.0.0", repository: FAR, ...one }));
  const meta = { apiVersion: "v2", name, version: "1.0.0", dependencies: declared };
  const template = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "{{ .Chart.Name }}", namespace: web}\n`;
  return {
    [`${folder}/Chart.yaml`]: JSON.stringify(meta),
    [`${folder}/templates/cm.yaml`]: template,
    [`${folder}/values.yaml`]: "{}\n",
  };
}

/** An app whose chart has `web` below charts/, which in turn depends on what is given. */
const withWeb = (...dependencies: readonly Dependency[]): Record<string, string> => ({
  ...chart("app", "app", [{ name: "web" }]),
  ...chart("app/charts/web", "web", dependencies),
});

async function namesIn(
  files: Readonly<Record<string, string>>,
  options: { readonly elsewhere?: Elsewhere; readonly variant?: Partial<Variant> } = {},
): Promise<readonly string[]> {
  const changes = { app: null, lib: null, ...files };
  const { snapshot } = await fleet.compose(changes, options.elsewhere ?? {}, ["app"]);
  const { objects } = await fleet.renderer.render(snapshot, variantOf("app", options.variant), fleet.signal);
  return objects.map(({ object }) => object.metadata.name);
}

async function pack(folder: string, archive: string): Promise<void> {
  await mkdir(`${fleet.work}/app/charts`, { recursive: true });
  const [parent, name] = [folder.slice(0, folder.lastIndexOf("/")), folder.slice(folder.lastIndexOf("/") + 1)];
  await runProgram("tar", ["czf", `${fleet.work}/app/charts/${archive}`, "-C", `${fleet.work}/${parent}`, name]);
}

describe("S3: a dependency of a dependency that is not there holds the app, which helm would render without it", () => {
  test("and is named with the chart that needs it, why it is not there, and what to do", async () => {
    await expect(namesIn(withWeb({ name: "redis" }))).rejects.toMatchObject({
      code: "dependency",
      place: { file: "app/Chart.yaml" },
      message:
        `the chart web (app/charts/web) depends on what is not there: redis 1.0.0 cannot be fetched: chart redis 1.0.0 from ${FAR}: nobody has it; ` +
        'or run "helm dependency build app/charts/web" and commit its charts/ folder. Helm would render the rest without it',
    });
  });

  test("also where it is packed, known by another name, or deeper still", async () => {
    await fleet.commit({
      app: null,
      ...chart("packing/web", "web", [{ name: "redis" }]),
      ...chart("app", "app", [{ name: "web" }]),
    });
    await pack("packing/web", "web-1.0.0.tgz");
    const snapshot = await fleet.commit({});
    await expect(fleet.renderer.render(snapshot, variantOf("app"), fleet.signal)).rejects.toThrow(
      /the chart web \(app\/charts\/web-1\.0\.0\.tgz\) depends on what is not there: redis is not in it; pack it again with what it depends on/,
    );
    await expect(
      namesIn({
        ...chart("app", "app", [{ name: "web", alias: "front" }]),
        ...chart("app/charts/web", "web", [{ name: "api" }]),
        ...chart("app/charts/web/charts/api", "api", [{ name: "redis", alias: "cache", repository: "" }]),
      }),
    ).rejects.toThrow(
      /the chart api \(app\/charts\/web\/charts\/api\) depends on what is not there: redis names no repository/,
    );
  });

  test("also in charts that stand in by links, in fetched ones, and in a circle", async () => {
    const linked = {
      ...chart("app", "app", [{ name: "lib", repository: "file://../lib" }]),
      ...chart("lib", "lib", [{ name: "redis" }]),
    };
    await expect(namesIn(linked)).rejects.toThrow(/the chart lib \(lib\) depends on .*redis 1\.0\.0 cannot be fetched/);
    await expect(
      namesIn({ ...linked, ...chart("lib", "lib", [{ name: "app", repository: "file://../app" }]) }),
    ).rejects.toThrow(
      /the chart lib \(lib\) depends on .*app is to stand at "..\/app", where there is no chart, or one/,
    );
    const far = Object.fromEntries(
      Object.entries(chart("x", "web", [{ name: "redis", version: "^1.0.0" }])).map(([path, text]) => [
        path.slice(2),
        text,
      ]),
    );
    await expect(
      namesIn(chart("app", "app", [{ name: "web" }]), { elsewhere: { [`chart ${FAR} web 1.0.0`]: far } }),
    ).rejects.toThrow(/the chart web .*redis is wanted at \^1\.0\.0, and no lock file says which that is/);
  });

  test("in what a kustomization has helm render, too", async () => {
    const kustomization = (more: object): Record<string, string> => ({
      ...chart("app/charts/web", "web", [{ name: "api" }]),
      ...chart("app/charts/web/charts/api", "api", [{ name: "redis", condition: "redis.enabled" }]),
      "app/off.yaml": "api: {redis: {enabled: false}}\n",
      "app/kustomization.yaml": JSON.stringify({ helmCharts: [{ name: "web", releaseName: "web", ...more }] }),
    });
    const lacks = /the chart api \(app\/charts\/web\/charts\/api\) depends on what is not there: redis/;
    await expect(namesIn(kustomization({}))).rejects.toThrow(lacks);
    const off = { api: { redis: { enabled: false } } };
    const on = { api: { redis: { enabled: true } } };
    for (const more of [
      { valuesInline: off },
      { valuesFile: "off.yaml" },
      { additionalValuesFiles: ["off.yaml"], valuesInline: on },
      { valuesFile: "off.yaml", valuesInline: on, valuesMerge: "merge" },
    ]) {
      expect(await namesIn(kustomization(more)), JSON.stringify(more)).toEqual(["api", "web"]);
    }
    await expect(namesIn(kustomization({ valuesFile: "off.yaml", valuesInline: on }))).rejects.toThrow(lacks);
    const generator = { apiVersion: "builtin", kind: "HelmChartInflationGenerator", metadata: { name: "g" } };
    await expect(
      namesIn({
        ...kustomization({}),
        "app/kustomization.yaml": "generators: [g.yaml]\n",
        "app/g.yaml": JSON.stringify({ ...generator, name: "web", releaseName: "web" }),
      }),
    ).rejects.toThrow(lacks);
  });
});

describe("a dependency of a dependency that helm leaves out anyway need not be there", () => {
  test.each([
    ["its condition", { "app/values.yaml": "web: {redis: {enabled: false}}\n" }, { condition: "redis.enabled" }],
    [
      "its condition in its own chart's values",
      { "app/charts/web/values.yaml": "redis: {enabled: false}\n" },
      { condition: "redis.enabled" },
    ],
    ["its tags", { "app/values.yaml": "tags: {cache: false}\n" }, { tags: ["cache"] }],
    [
      "its alias and condition",
      { "app/values.yaml": "web: {c: {enabled: false}}\n" },
      { alias: "c", condition: "c.enabled" },
    ],
  ] as const)("by %s", async (_, values, rule) => {
    const files = { ...withWeb({ name: "redis", ...rule }), ...values };
    expect(await namesIn(files)).toEqual(["app", "web"]);
    await expect(namesIn(withWeb({ name: "redis", ...rule }))).rejects.toThrow(/depends on what is not there: redis/);
  });

  test("by what the App or its values files say, and not by what only looks like it", async () => {
    const files = {
      ...withWeb({ name: "redis", condition: "redis.enabled" }),
      "off.yaml": "web: {redis: {enabled: false}}\n",
    };
    const off = { web: { redis: { enabled: false } } };
    expect(await namesIn(files, { variant: { values: [off] } })).toEqual(["app", "web"]);
    expect(await namesIn(files, { variant: { values: ["off.yaml"] } })).toEqual(["app", "web"]);
    await expect(namesIn(files, { variant: { values: [{ redis: { enabled: false } }] } })).rejects.toThrow(/redis/);
    await expect(
      namesIn(files, { variant: { values: ["off.yaml", { web: { redis: { enabled: true } } }] } }),
    ).rejects.toThrow(/redis/);
  });

  test("because the chart that declares it is left out", async () => {
    const files = {
      ...withWeb({ name: "redis" }),
      ...chart("app", "app", [{ name: "web", condition: "web.enabled" }]),
    };
    expect(await namesIn(files, { variant: { values: [{ web: { enabled: false } }] } })).toEqual(["app"]);
  });
});

test("what is wrong with the values, or with a template, is said in helm's words all the same", async () => {
  const lacking = { ...withWeb({ name: "redis", condition: "redis.enabled" }) };
  await expect(namesIn({ ...lacking, "app/values.yaml": "a: [\n" })).rejects.toMatchObject({
    code: "renderer",
    message: expect.stringMatching(/cannot load values\.yaml/) as unknown,
  });
  // The missing chart is why the template fails: that is what to tell.
  const helper = { "app/charts/web/templates/cm.yaml": '{{ include "redis.name" . }}' };
  await expect(namesIn({ ...lacking, ...helper })).rejects.toMatchObject({ code: "dependency" });
});

test("at the top a dependency must be there even where it is switched off, as helm has it", async () => {
  const files = chart("app", "app", [{ name: "redis", condition: "redis.enabled" }]);
  const off = { variant: { values: [{ redis: { enabled: false } }] } };
  await expect(namesIn(files, off)).rejects.toThrow(/^the chart depends on what is not there: redis/);
});
