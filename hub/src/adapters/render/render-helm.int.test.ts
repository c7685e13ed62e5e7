import { afterAll, beforeAll, expect, test } from "vitest";
import { createRepositoryFixture, variantOf, type RepositoryFixture } from "./repository-fixture.ts";

let fleet: RepositoryFixture;

beforeAll(async () => {
  fleet = await createRepositoryFixture();
});

afterAll(() => fleet[Symbol.asyncDispose]());

function chartOf(folder: string, files: Readonly<Record<string, string>>, name = "web"): Record<string, string> {
  const meta = `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`;
  const all = { "Chart.yaml": meta, ...files };
  return Object.fromEntries(Object.entries(all).map(([path, text]) => [`${folder}/${path}`, text]));
}

function template(name: string, data: string, extra = ""): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  namespace: {{ .Release.Namespace }}\n${extra}data: ${data}\n`;
}

test("renders values in order: the chart's, files, then what the App says; each object with its template", async () => {
  const snapshot = await fleet.commit({
    ...chartOf("ok", {
      "templates/cm.yaml": template(
        "{{ .Release.Name }}-a",
        "{a: {{ .Values.a | quote }}, b: {{ .Values.b | quote }}, c: {{ .Values.c | quote }}, d: {{ .Values.d | quote }}}",
      ),
      "crds/crd.yaml":
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: xs.example.com}\nspec: {group: example.com}\n",
      "templates/NOTES.txt": "hello",
      "values.yaml": "a: chart\nb: chart\nc: chart\n",
      ...Object.fromEntries([["charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\n"]]),
      "charts/sub/templates/cm.yaml": template("sub", "{}"),
    }),
    "values/with, comma.yaml": "b: file\nc: file\n",
  });
  const variant = variantOf("ok", {
    values: [{ b: "cluster", d: "cluster" }, "values/with, comma.yaml", { c: "app" }],
    namespace: "prod",
  });
  const { objects, warnings } = await fleet.renderer.render(snapshot, variant, fleet.signal);
  expect(objects.map(({ id, file }) => `${id} ${file}`)).toEqual([
    "apiextensions.k8s.io/CustomResourceDefinition//xs.example.com ok/crds/crd.yaml",
    "/ConfigMap/prod/sub ok/charts/sub/templates/cm.yaml",
    "/ConfigMap/prod/web-a ok/templates/cm.yaml",
  ]);
  expect(objects[2]?.object["data"]).toEqual({ a: "chart", b: "file", c: "app", d: "cluster" });
  expect(warnings).toEqual([]);
});

test("the release has the name the App gives it, which lifts Helm's limit from the app's own name", async () => {
  const snapshot = await fleet.commit(
    chartOf("release", { "templates/cm.yaml": template("{{ .Release.Name }}-a", "{}") }),
  );
  const app = "a-name-that-is-longer-than-the-fifty-three-characters-of-helm";
  await expect(fleet.renderer.render(snapshot, variantOf("release", { app }), fleet.signal)).rejects.toMatchObject({
    code: "source",
    message: expect.stringContaining("spec.releaseName") as string,
  });
  const variant = variantOf("release", { app, releaseName: "shop", namespace: "web" });
  const { objects } = await fleet.renderer.render(snapshot, variant, fleet.signal);
  expect(objects.map(({ id }) => id)).toEqual(["/ConfigMap/web/shop-a"]);
});

test("tests are dropped, hooks kept for the agent's phases, hooks of deletion and rollback left out", async () => {
  const hook = (event: string): string => `  annotations: {"helm.sh/hook": "${event}"}\n`;
  const snapshot = await fleet.commit(
    chartOf("hooks", {
      "templates/plain.yaml": template("plain", "{}"),
      "templates/test.yaml": template("test", "{}", hook("test")),
      "templates/old-test.yaml": template("old-test", "{}", hook("test-success")),
      "templates/pre.yaml": template("pre", "{}", hook("pre-install,pre-upgrade")),
      "templates/delete.yaml": template("delete", "{}", hook("post-delete")),
    }),
  );
  const { objects, warnings } = await fleet.renderer.render(snapshot, variantOf("hooks"), fleet.signal);
  expect(objects.map(({ id }) => id)).toEqual(["/ConfigMap/default/plain", "/ConfigMap/default/pre"]);
  expect(warnings.map(({ message, place }) => `${place?.file}: ${message}`).toSorted()).toEqual([
    "hooks/templates/delete.yaml: ConfigMap default/delete is a Helm hook for deletion or rollback and is left out",
  ]);
});

test("what renders differently each time is named, without its values", async () => {
  const snapshot = await fleet.commit(
    chartOf("unstable", {
      "templates/secret.yaml": template(
        "s",
        "{stable: x, password: {{ randAlphaNum 12 }}, keys: {list: {{ list 1 2 | toJson }}}}",
      ),
    }),
  );
  const { objects, warnings } = await fleet.renderer.render(snapshot, variantOf("unstable"), fleet.signal);
  expect(objects).toHaveLength(1);
  expect(warnings).toMatchObject([
    {
      code: "unstable-render",
      app: "web",
      message: expect.stringMatching(
        /^renders differently each time: ConfigMap default\/s: data\.password; /,
      ) as unknown,
    },
  ]);
});

test("a chart is asked for the cluster's abilities only when a template uses them", async () => {
  const snapshot = await fleet.commit({
    ...chartOf("asks", {
      "templates/cm.yaml": template(
        "c",
        '{version: "{{ .Capabilities.KubeVersion.Version }}", monitor: "{{ .Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor" }}", group: "{{ .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" }}"}',
      ),
    }),
    ...chartOf("asks-below", {
      "charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
      "charts/sub/templates/x.yaml": "# {{ .Capabilities }}\n",
    }),
    ...chartOf("asks-not", { "templates/cm.yaml": template("c", "{}") }),
  });
  const asks = async (path: string): Promise<boolean | undefined> =>
    (await fleet.renderer.inspect(snapshot, path, fleet.signal))?.asksCapabilities;
  expect([await asks("asks"), await asks("asks-below"), await asks("asks-not")]).toEqual([true, true, false]);
  const capabilities = {
    kubernetesVersion: "v1.31.4",
    apiVersions: ["monitoring.coreos.com/v1/ServiceMonitor", "v1/Pod"],
  };
  const { objects } = await fleet.renderer.render(snapshot, variantOf("asks", { capabilities }), fleet.signal);
  expect(objects[0]?.object["data"]).toEqual({ version: "v1.31.4", monitor: "true", group: "true" });
});

test("a chart that says which Kubernetes it is for is rendered for the cluster's, and asks for no more of it", async () => {
  const old = chartOf("old", { "templates/cm.yaml": template("c", "{}") });
  const snapshot = await fleet.commit({
    ...old,
    "old/Chart.yaml": `${old["old/Chart.yaml"] ?? ""}kubeVersion: "<1.30"\n`,
  });
  expect(await fleet.renderer.inspect(snapshot, "old", fleet.signal)).toEqual({
    type: "helm",
    asksCapabilities: false,
    asksVersion: true,
  });
  const render = (kubernetesVersion: string) =>
    fleet.renderer.render(
      snapshot,
      variantOf("old", { capabilities: { kubernetesVersion, apiVersions: [] } }),
      fleet.signal,
    );
  expect((await render("v1.29.1")).objects).toHaveLength(1);
  await expect(render("v1.31.0")).rejects.toMatchObject({
    message: expect.stringMatching(/requires kubeVersion: <1.30/) as unknown,
  });
});

test("helm's own words come with file, line and column", async () => {
  const snapshot = await fleet.commit({
    ...chartOf("bad/call", { "templates/cm.yaml": "a: b\nc: {{ .Values.x.y.z }}\n" }),
    ...chartOf("bad/parse", { "templates/cm.yaml": "a: b\nc: {{ nothing }}\n" }),
    ...chartOf("bad/yaml", { "templates/cm.yaml": "apiVersion: v1\nkind: [\n" }),
    ...chartOf("bad/require", { "templates/cm.yaml": '{{ required "name a host" .Values.host }}\n' }),
    ...chartOf("bad/include", {
      "templates/_helpers.tpl": '{{- define "x" -}}\n{{ .Values.a.b.c }}\n{{- end -}}\n',
      "templates/cm.yaml": 'a: {{ include "x" . }}\n',
    }),
  });
  for (const [folder, file, line, message] of [
    ["bad/call", "bad/call/templates/cm.yaml", 2, /nil pointer evaluating/],
    ["bad/parse", "bad/parse/templates/cm.yaml", 2, /function "nothing" not defined/],
    ["bad/yaml", "bad/yaml/templates/cm.yaml", 0, /YAML parse error/],
    ["bad/require", "bad/require/templates/cm.yaml", 1, /name a host/],
    ["bad/include", "bad/include/templates/_helpers.tpl", 2, /nil pointer evaluating/],
  ] as const) {
    const rendered = fleet.renderer.render(snapshot, variantOf(folder), fleet.signal);
    await expect(rendered).rejects.toMatchObject({
      code: "renderer",
      place: { file, line },
      message: expect.stringMatching(message) as unknown,
    });
    await expect(rendered).rejects.not.toThrow(/--debug|\/tmp|\/tree/);
  }
});

test("what keeps a chart from rendering at all says what to do", async () => {
  const snapshot = await fleet.commit(
    chartOf("deps", {
      "Chart.yaml":
        "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{name: redis, version: 1.0.0, repository: 'https://charts.example.com'}]\n",
    }),
  );
  await expect(fleet.renderer.render(snapshot, variantOf("deps"), fleet.signal)).rejects.toMatchObject({
    code: "dependency",
    message:
      "the chart depends on what is not there: redis 1.0.0 is not in this repository and was not fetched; fetch it, or vendor it " +
      'into the repository; or run "helm dependency build deps" and commit its charts/ folder',
  });
  await expect(
    fleet.renderer.render(snapshot, variantOf("ok", { values: ["nope.yaml"] }), fleet.signal),
  ).rejects.toMatchObject({
    code: "source",
    message: 'the values file "nope.yaml" is not in the repository; check valuesFiles of the App',
  });
  await expect(
    fleet.renderer.render(snapshot, variantOf("ok", { app: "--post-renderer=x" }), fleet.signal),
  ).rejects.toMatchObject({
    code: "source",
  });
});

test("a template that reads through a link of the repository reads what the link leads to", async () => {
  await fleet.commit({
    ...chartOf("linked", { "templates/cm.yaml": template("l", '{text: {{ .Files.Get "shared.txt" | quote }}}') }),
    "elsewhere/shared.txt": "one",
  });
  const snapshot = await fleet.commitLinks({ "linked/shared.txt": "../elsewhere/shared.txt" });
  const { objects } = await fleet.renderer.render(snapshot, variantOf("linked"), fleet.signal);
  expect(objects[0]?.object["data"]).toEqual({ text: "one" });
});

test("a chart that looks things up in a cluster gets a warning", async () => {
  const snapshot = await fleet.commit(
    chartOf("lookup", { "templates/cm.yaml": template("l", '{n: "{{ len (lookup "v1" "Secret" "a" "b") }}"}') }),
  );
  const { warnings } = await fleet.renderer.render(snapshot, variantOf("lookup"), fleet.signal);
  expect(warnings).toMatchObject([{ code: "ignored", place: { file: "lookup/templates/cm.yaml" } }]);
});

test("random names of a chart's tests are nobody's business, and cost no second render", async () => {
  const pod =
    'apiVersion: v1\nkind: Pod\nmetadata: {name: "t-{{ randAlphaNum 5 | lower }}", namespace: web, annotations: {"helm.sh/hook": test}}\n';
  const snapshot = await fleet.commit({
    ...chartOf("with-tests", { "templates/cm.yaml": template("c", "{}"), "templates/tests/pod.yaml": pod }),
    ...chartOf("with-pods", {
      "templates/cm.yaml": template("c", "{}"),
      "templates/pod.yaml": pod.replace(": test", ": pre-install"),
    }),
  });
  const tests = await fleet.renderer.render(snapshot, variantOf("with-tests"), fleet.signal);
  expect([tests.objects.length, tests.warnings]).toEqual([1, []]);
  const { renamed, warnings } = await fleet.renderer.render(snapshot, variantOf("with-pods"), fleet.signal);
  expect(renamed).toHaveLength(1);
  expect(warnings).toMatchObject([{ code: "unstable-render" }]);
});
