import { afterAll, beforeAll, expect, test } from "vitest";
import { configMap, createRepositoryFixture, variantOf, type RepositoryFixture } from "./repository-fixture.ts";

let fleet: RepositoryFixture;

beforeAll(async () => {
  fleet = await createRepositoryFixture();
});

afterAll(() => fleet[Symbol.asyncDispose]());

test("takes YAML and JSON of the folder and below, each object with its file, in the order of applying", async () => {
  const snapshot = await fleet.commit({
    "raw/all/z.yaml": `${configMap("z")}---\n${configMap("y")}`,
    "raw/all/sub/deep/ns.yml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: web}\n",
    "raw/all/list.json": `{"apiVersion":"v1","kind":"List","items":[${configMap("a")}]}`,
    "raw/all/README.md": "no manifest",
    "raw/all/.hidden.yaml": configMap("hidden"),
    "raw/all/.hidden/x.yaml": configMap("hidden"),
    "raw/all/renovate.json": '{"extends":["x"]}',
    "raw/all/app.yaml": "apiVersion: axle.dev/v1\nkind: App\nmetadata: {name: web}\n",
    "raw/all/overlay/kustomization.yaml": "resources: []\n",
    "raw/all/overlay/cm.yaml": configMap("overlay"),
    "raw/all/chart/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n",
    "raw/all/chart/templates/cm.yaml": "{{ not yaml",
  });
  expect(await fleet.renderer.inspect(snapshot, "raw/all", fleet.signal)).toEqual({
    type: "raw",
    asksCapabilities: false,
  });
  const { objects, warnings } = await fleet.renderer.render(snapshot, variantOf("raw/all"), fleet.signal);
  expect(objects.map(({ id, file }) => `${id} ${file}`)).toEqual([
    "/Namespace//web raw/all/sub/deep/ns.yml",
    "/ConfigMap/web/a raw/all/list.json",
    "/ConfigMap/web/y raw/all/z.yaml",
    "/ConfigMap/web/z raw/all/z.yaml",
  ]);
  expect(warnings.map(({ place, code }) => `${code} ${place?.file}`).toSorted()).toEqual([
    "ignored raw/all/chart",
    "ignored raw/all/overlay",
    "ignored raw/all/renovate.json",
  ]);
});

test("warns of kinds that Kubernetes' own groups do not have, once for each", async () => {
  const typo = (name: string) =>
    `{"apiVersion":"apps/v1","kind":"Deploymnt","metadata":{"name":"${name}","namespace":"web"}}`;
  const snapshot = await fleet.commit({ "raw/typo/a.json": typo("a"), "raw/typo/b.yaml": typo("b") });
  const { objects, warnings } = await fleet.renderer.render(snapshot, variantOf("raw/typo"), fleet.signal);
  expect(objects).toHaveLength(2);
  expect(warnings).toMatchObject([{ severity: "warning", code: "unknown-kind", place: { file: "raw/typo/a.json" } }]);
  expect(warnings[0]?.message).toContain('did you mean "Deployment"?');
});

test("says of an App in a file of another name that nobody reads it", async () => {
  const own = "apiVersion: axle.dev/v1\nkind: App\nmetadata: {name: web}\n";
  const snapshot = await fleet.commit({ "raw/own/application.yaml": own, "raw/own/a.yaml": configMap("a") });
  const { objects, warnings } = await fleet.renderer.render(snapshot, variantOf("raw/own"), fleet.signal);
  expect(objects).toHaveLength(1);
  expect(warnings).toMatchObject([{ code: "ignored", place: { file: "raw/own/application.yaml" } }]);
  expect(warnings[0]?.message).toContain("app.yaml or *.app.yaml");
});

test("fills the namespace in where one is missing, and leaves cluster-scoped and unknown kinds alone", async () => {
  const snapshot = await fleet.commit({
    "raw/ns/a.yaml": [
      configMap("own", {}, "other"),
      configMap("filled", {}, null),
      '{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"r","namespace":"wrong"}}',
      '{"apiVersion":"example.com/v1","kind":"Thing","metadata":{"name":"t"}}',
      '{"apiVersion":"example.com/v1","kind":"Known","metadata":{"name":"k"}}',
      '{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"knowns.example.com"},"spec":{"group":"example.com","scope":"Namespaced","names":{"kind":"Known"}}}',
    ].join("\n---\n"),
  });
  const { objects } = await fleet.renderer.render(snapshot, variantOf("raw/ns", { namespace: "web" }), fleet.signal);
  expect(objects.map(({ id }) => id).toSorted()).toEqual([
    "/ConfigMap/other/own",
    "/ConfigMap/web/filled",
    "apiextensions.k8s.io/CustomResourceDefinition//knowns.example.com",
    "example.com/Known/web/k",
    "example.com/Thing//t",
    "rbac.authorization.k8s.io/ClusterRole//r",
  ]);
});

test("a namespaced object without a namespace is an error that names object, file and remedy", async () => {
  const snapshot = await fleet.commit({ "raw/none/a.yaml": `---\n${configMap("lost", {}, null)}` });
  await expect(fleet.renderer.render(snapshot, variantOf("raw/none"), fleet.signal)).rejects.toMatchObject({
    code: "manifest",
    place: { file: "raw/none/a.yaml", line: 2 },
    message:
      "ConfigMap lost names no namespace; set metadata.namespace, or the namespace of the App, the layout entry or the kustomization",
  });
});

test("an object that is there twice is an error that names both files", async () => {
  const snapshot = await fleet.commit({ "raw/twice/a.yaml": configMap("same"), "raw/twice/b.yaml": configMap("same") });
  await expect(fleet.renderer.render(snapshot, variantOf("raw/twice"), fleet.signal)).rejects.toMatchObject({
    code: "duplicate",
    place: { file: "raw/twice/b.yaml" },
    message: expect.stringContaining('also in "raw/twice/a.yaml"') as unknown,
  });
});

test.each([
  ["no YAML", "a: [1", /./],
  ["no object", "a: 1\n", /apiVersion/],
  ["a template", "kind: {{ .Values.kind }}\n", /./],
])("a file that is %s is an error with its place", async (what, text, message) => {
  const file = `raw/bad-${what.replaceAll(" ", "-")}/x.yaml`;
  const snapshot = await fleet.commit({ [file]: text });
  const rendered = fleet.renderer.render(snapshot, variantOf(file.slice(0, -"/x.yaml".length)), fleet.signal);
  await expect(rendered).rejects.toMatchObject({
    code: "manifest",
    message: expect.stringMatching(message) as unknown,
    place: { file, line: expect.any(Number) as unknown },
  });
});

test("drops what only an API server writes, and keeps YAML 1.1 values as Kubernetes reads them", async () => {
  const snapshot = await fleet.commit({
    "raw/values/a.yaml": [
      "apiVersion: v1",
      "kind: Secret",
      "metadata: {name: s, namespace: web, creationTimestamp: null}",
      "stringData: {a: b}",
      "status: {phase: x}",
      "mode: 0400",
      "optional: yes",
    ].join("\n"),
  });
  const { objects } = await fleet.renderer.render(snapshot, variantOf("raw/values"), fleet.signal);
  expect(objects.map(({ object }) => object)).toEqual([
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "s", namespace: "web" },
      stringData: { a: "b" },
      mode: 256,
      optional: true,
    },
  ]);
});

test("says what is wrong with a path that leads to nothing", async () => {
  const snapshot = await fleet.commit({ "raw/empty/README.md": "x" });
  for (const [path, message] of [
    ["raw/missing", '"raw/missing" does not exist in the repository; check the path of the source'],
    ["raw/empty", /holds nothing that can be rendered; expected a Chart.yaml/],
    ["raw/empty/README.md", /is a file, expected a folder/],
  ] as const) {
    expect(await fleet.renderer.inspect(snapshot, path, fleet.signal)).toBeUndefined();
    const rendered = fleet.renderer.render(snapshot, variantOf(path), fleet.signal);
    await expect(rendered).rejects.toMatchObject({
      code: "source",
      message: expect.stringMatching(message) as unknown,
    });
  }
});

test("a folder that is reached through a link is what the link leads to", async () => {
  await fleet.commit({ "shared/raw/a.yaml": configMap("a") });
  const snapshot = await fleet.commitLinks({ "linked/raw": "../shared/raw" });
  const { objects } = await fleet.renderer.render(snapshot, variantOf("linked/raw"), fleet.signal);
  expect(objects.map(({ file }) => file)).toEqual(["shared/raw/a.yaml"]);
});

test("patches of both kinds apply to what was rendered, whatever renders it", async () => {
  const snapshot = await fleet.commit({ "raw/patched/a.yaml": configMap("a", { one: "yes", two: "0400" }, null) });
  const patches = [
    { target: { kind: "ConfigMap" }, patch: '[{"op": "add", "path": "/data/three", "value": "on"}]' },
    { patch: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {one: null, four: '012'}\n" },
  ];
  const variant = variantOf("raw/patched", { patches, namespace: "web" });
  const { objects } = await fleet.renderer.render(snapshot, variant, fleet.signal);
  expect(objects).toMatchObject([
    { id: "/ConfigMap/web/a", file: "raw/patched/a.yaml", object: { data: { two: "0400", three: "on", four: "012" } } },
  ]);
  const wrong = variantOf("raw/patched", {
    patches: [{ target: { kind: "Deployment" }, patch: '[{"op":"remove","path":"/x"}]' }],
  });
  const none = variantOf("raw/patched", { patches: [{ patch: "kind: X\nmetadata: {name: none}\n" }] });
  await expect(fleet.renderer.render(snapshot, { ...wrong, namespace: "web" }, fleet.signal)).resolves.toBeDefined();
  await expect(fleet.renderer.render(snapshot, none, fleet.signal)).rejects.toMatchObject({
    code: "renderer",
    message: expect.stringMatching(/^the App's patches cannot be applied: (?!.*run-)/s) as unknown,
  });
});
