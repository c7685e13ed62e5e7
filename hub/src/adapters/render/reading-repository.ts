import { configMap, variantOf } from "./repository-fixture.ts";

/** For tests: a chart that reads a file of its own. */
export const readingChart = (name: string, more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  "Chart.yaml": `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`,
  "values.yaml": "v: 1\n",
  "templates/cm.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, namespace: web}\ndata: {v: {{ .Values.v | quote }}, f: {{ .Files.Get "data.txt" | quote }}}\n`,
  "data.txt": "text",
  ...more,
});

/** For tests: files by path, below a folder. */
export function below(folder: string, files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]));
}

/** For tests: every kind of source, and every field of a kustomization that names something. */
export const READING_FILES: Readonly<Record<string, string>> = {
  "raw/a.yaml": configMap("a"),
  "raw/deep/b.yaml": configMap("b"),
  "shared/linked.yaml": configMap("linked"),
  "shared/text.txt": "shared",
  ...below("chart", readingChart("chart")),
  ...below("chart/charts/sub", readingChart("sub")),
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
  ...below("homes/outer", readingChart("outer")),
  ...below("all/charts/inner", readingChart("inner")),
};

export const READING_LINKS: Readonly<Record<string, string>> = {
  "raw/link.yaml": "../shared/chain.yaml",
  "shared/chain.yaml": "linked.yaml",
  "all/linked": "../linked-base",
  "raw-link": "raw",
  "values/link.yaml": "prod.yaml",
};

export const READING_VARIANTS = [
  variantOf("raw"),
  variantOf("raw-link"),
  variantOf("base"),
  variantOf("all"),
  variantOf("outer"),
  variantOf("chart"),
  variantOf("chart", { values: ["values/prod.yaml"] }),
  variantOf("chart", { values: ["values/link.yaml"] }),
];
