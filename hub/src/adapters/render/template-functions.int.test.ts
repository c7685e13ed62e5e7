import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readChartTexts, repetitionOf } from "./chart-texts.ts";
import { createRepositoryFixture, variantOf, type RepositoryFixture } from "./repository-fixture.ts";
import { mayVary, STABLE_FUNCTIONS, UNSTABLE_FUNCTIONS } from "./template-functions.ts";

const runProgram = promisify(execFile);
let fleet: RepositoryFixture;

beforeAll(async () => {
  fleet = await createRepositoryFixture();
});

afterAll(() => fleet[Symbol.asyncDispose]());

/** Calls that print something, of functions that could be thought to depend on more than they are given. */
const EXAMPLES = [
  'dict "b" 1 "a" 2 "c" 3 | toJson',
  'dict "b" 1 "a" 2 "c" 3 | toYaml',
  'dict "b" (dict "y" 1 "x" 2) "a" (list 1 2) | toToml',
  'dict "b" 1 "a" 2 | toString',
  'merge (dict "a" 1 "z" 9) (dict "a" 2 "b" 3) | toJson',
  'mergeOverwrite (dict "a" 1) (dict "b" 3 "a" 2) | toPrettyJson',
  'omit (dict "c" 3 "a" 1 "b" 2) "b" | toJson',
  'pick (dict "c" 3 "a" 1 "b" 2) "b" "c" | print',
  'pluck "a" (dict "a" 1) (dict "a" 2) | join ","',
  'deepCopy (dict "b" 1 "a" 2) | toRawJson',
  'list 3 1 2 | uniq | join ","',
  'list "c" "a" "b" | sortAlpha | join ","',
  'splitList "," "a,b" | toJson',
  'split "," "a,b" | toJson',
  'derivePassword 1 "long" "secret" "user" "example.com"',
  'sha256sum "x" | trunc 8',
  'adler32sum "x"',
  'toDate "2006-01-02" "2020-02-03" | unixEpoch',
  "duration 95",
  'urlParse "https://u:p@example.com/x?b=1&a=2" | toJson',
  'semver "1.2.3-a+b" | toJson',
  'regexSplit "," "a,b" -1 | toJson',
  'lookup "v1" "Secret" "a" "b" | toJson',
  "typeOf .Values",
  "kindOf .Release",
  ".Capabilities.KubeVersion.Version",
  ".Capabilities.APIVersions | toJson | sha256sum",
  ".Values | toYaml",
  '.Files.Get "data.txt"',
  '(.Files.Glob "*.txt").AsConfig',
  ".Chart | toJson",
  ".Template.Name",
] as const;

const chart = (folder: string, templates: Readonly<Record<string, string>>): Record<string, string> => ({
  [`${folder}/Chart.yaml`]: "apiVersion: v2\nname: web\nversion: 1.0.0\n",
  [`${folder}/values.yaml`]: "b: 1\na: {y: 1, x: [1, 2]}\n",
  [`${folder}/data.txt`]: "text\n",
  ...Object.fromEntries(Object.entries(templates).map(([name, text]) => [`${folder}/templates/${name}`, text])),
});

test("every function that is taken for stable, or for unstable, is one that helm has", async () => {
  const calls = [...STABLE_FUNCTIONS, ...UNSTABLE_FUNCTIONS].map((name) => `{{ if false }}{{ ${name} }}{{ end }}`);
  const snapshot = await fleet.commit(
    chart("known", { "a.yaml": `${calls.join("")}\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n` }),
  );
  const { objects } = await fleet.renderer.render(snapshot, variantOf("known"), fleet.signal);
  expect(objects).toHaveLength(1);
});

test("what is taken for stable renders the same each time", async () => {
  const lines = EXAMPLES.map((call, index) => `  v${index}: {{ ${call} | toString | quote }}`);
  const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: web}\ndata:\n${lines.join("\n")}\n`;
  expect(mayVary([text])).toBe(false);
  const snapshot = await fleet.commit(chart("stable", { "a.yaml": text }));
  const render = async (): Promise<string> => {
    const { objects } = await fleet.renderer.render(snapshot, variantOf("stable"), fleet.signal);
    return JSON.stringify(objects);
  };
  const first = await render();
  for (let again = 0; again < 6; again += 1) expect(await render()).toBe(first);
});

test("charts that are packed under charts/ are looked into as those that are not", async () => {
  const template = (call: string): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: inner, namespace: web}\ndata: {v: {{ ${call} | quote }}}\n`;
  const pack = async (name: string, call: string): Promise<void> => {
    await fleet.commit({
      ...chart(`packing/${name}`, { "a.yaml": template(call) }),
      [`packing/${name}/Chart.yaml`]: `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`,
      ...chart(`with-${name}`, { "b.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n" }),
    });
    await mkdir(`${fleet.work}/with-${name}/charts`, { recursive: true });
    await runProgram("tar", [
      "czf",
      `${fleet.work}/with-${name}/charts/${name}-1.0.0.tgz`,
      "-C",
      `${fleet.work}/packing`,
      name,
    ]);
  };
  await pack("calm", ".Values.b");
  await pack("asking", ".Capabilities.KubeVersion.Version");
  await pack("random", "randAlpha 5");
  const snapshot = await fleet.commit({
    packing: null,
    "with-broken/charts/broken-1.0.0.tgz": "no archive",
    ...chart("with-broken", {}),
  });
  const look = async (name: string) => {
    const inspected = await fleet.renderer.inspect(snapshot, `with-${name}`, fleet.signal);
    const texts = await readChartTexts(snapshot, `with-${name}`, fleet.signal);
    return [inspected?.asksCapabilities, repetitionOf(texts, [])];
  };
  expect([await look("calm"), await look("asking"), await look("random"), await look("broken")]).toEqual([
    [false, "once"],
    [true, "once"],
    [false, "twice"],
    [true, "twice"],
  ]);
  const { objects } = await fleet.renderer.render(snapshot, variantOf("with-random"), fleet.signal);
  expect(objects.find(({ id }) => id.includes("inner"))?.unstable).toEqual(["/data/v"]);
});

test("what is taken for unstable is rendered twice and named, also where helm runs inside kustomize", async () => {
  const secret =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: web}\nstringData: {p: {{ randAlphaNum 9 }}, t: {{ now | unixEpoch | quote }}}\n";
  const snapshot = await fleet.commit({
    ...chart("unstable", { "s.yaml": secret }),
    ...chart("k/charts/inner", { "s.yaml": secret }),
    "k/charts/inner/Chart.yaml": "apiVersion: v2\nname: inner\nversion: 1.0.0\n",
    "k/kustomization.yaml": "helmCharts: [{name: inner, releaseName: r}]\n",
    ...chart("names", { "s.yaml": secret.replace("name: s", "name: s-{{ randAlpha 5 | lower }}") }),
  });
  for (const path of ["unstable", "k"]) {
    const { objects, warnings } = await fleet.renderer.render(snapshot, variantOf(path), fleet.signal);
    expect(objects[0]?.unstable).toEqual(["/stringData/p", "/stringData/t"]);
    expect(warnings).toMatchObject([{ code: "unstable-render" }]);
  }
  const { renamed, warnings } = await fleet.renderer.render(snapshot, variantOf("names"), fleet.signal);
  expect(renamed).toEqual([expect.stringMatching(/^s-[a-z]{5}$/)]);
  expect(warnings[0]?.message).toMatch(/^makes new names each time: Secret web\/s-/);
});
