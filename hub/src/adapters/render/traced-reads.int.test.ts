import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Variant } from "@axle/core/placement/variant.ts";
import { GitServer } from "@axle/testkit/git-server.ts";
import { findTool } from "@axle/tools/locate-tool.ts";
import type { Snapshot } from "../../ports.ts";
import { GitRepository } from "../git/git-repository.ts";
import { resolvePath } from "../git/resolve-path.ts";
import { withFile, withLink } from "./altered-snapshot.ts";
import { traceFiles, type FileTrace, type Look } from "./file-trace.ts";
import { ProcessRenderer } from "./process-renderer.ts";
import { below, readingChart, READING_FILES, READING_LINKS, READING_VARIANTS } from "./reading-repository.ts";
import { Sandbox } from "./sandbox.ts";
import { configMap, createRepositoryFixture, variantOf, type RepositoryFixture } from "./repository-fixture.ts";

// What a program asks the kernel for is seen with strace, which is Linux's: elsewhere key-coverage.int.test.ts has to do.
const onLinux = describe.skipIf(process.platform !== "linux");

let fleet: RepositoryFixture;
let traces: { readonly kustomize: FileTrace; readonly helm: FileTrace };
/** A renderer by the program that is traced; what that starts is traced with it. */
let renderers: { readonly kustomize: ProcessRenderer; readonly helm: ProcessRenderer };

beforeAll(async () => {
  fleet = await createRepositoryFixture();
  if (process.platform !== "linux") return;
  const { path } = fleet;
  // In a folder that the repository is not below, for there is no strace in a jail.
  const sandbox = new Sandbox({ directory: join(path, "traced") });
  const [kustomize, helm] = (await Promise.all([findTool("kustomize"), findTool("helm")])).map((tool) => tool.path) as [
    string,
    string,
  ];
  traces = { kustomize: await traceFiles(kustomize, path), helm: await traceFiles(helm, path) };
  renderers = {
    kustomize: new ProcessRenderer({ kustomize: traces.kustomize.program, helm, sandbox }),
    helm: new ProcessRenderer({ kustomize, helm: traces.helm.program, sandbox }),
  };
});

afterAll(() => fleet[Symbol.asyncDispose]());

type Looks = ReadonlyMap<string, ReadonlySet<Look>>;

/** Renders for real; paths in the repository that were asked for, by the programs and by ourselves. */
async function looksOf(snapshot: Snapshot, variant: Variant): Promise<{ outcome: string; looks: Looks }> {
  const { type = "raw" } = (await fleet.renderer.inspect(snapshot, variant.path, fleet.signal)) ?? {};
  const looks = new Map<string, Set<Look>>();
  const readTexts: Snapshot["readTexts"] = (paths, signal) => {
    for (const path of paths) looks.set(path, new Set(["seen"]));
    return snapshot.readTexts(paths, signal);
  };
  const renderer = type === "raw" ? fleet.renderer : renderers[type];
  const outcome = await renderer.render({ ...snapshot, readTexts }, variant, fleet.signal).then(
    ({ objects }) => `${objects.length} objects`,
    (error: unknown) => `fails: ${String(error)}`,
  );
  for (const trace of Object.values(traces)) {
    for (const [path, found] of await trace.take()) {
      if (path !== snapshot.root && !path.startsWith(`${snapshot.root}/`)) continue;
      const inside = path.slice(snapshot.root.length + 1);
      looks.set(inside, new Set([...(looks.get(inside) ?? []), ...found]));
    }
  }
  return { outcome, looks };
}

/** The repository, altered so that a look would have seen something else. */
function* alterationsOf(
  snapshot: Snapshot,
  path: string,
  looks: ReadonlySet<Look>,
): Iterable<readonly [string, Snapshot]> {
  if (snapshot.links.has(path)) yield [`${path} leads elsewhere`, withLink(snapshot, path, "nowhere")];
  const resolved = resolvePath(snapshot.links, path);
  if (resolved.type !== "inside") return;
  const place = resolved.path;
  if (looks.has("listed")) yield [`${path}/ has another file`, withFile(snapshot, join(place, "zz-another"))];
  if (place === "") return;
  // Where a link leads nowhere any more, or a file stands in the way, nothing can come to be either.
  const isFile = snapshot.files.has(place);
  yield [`${path} ${isFile ? "is another file" : "is a file"}`, withFile(snapshot, place)];
  if (looks.has("missing")) yield [`${path} is a folder`, withFile(snapshot, join(place, "x"))];
}

/** What the programs looked at and the key does not cover. */
async function uncoveredBy(snapshot: Snapshot, variant: Variant, looks: Looks): Promise<readonly string[]> {
  const keyOf = (each: Snapshot): Promise<string> => fleet.renderer.keyOf(each, variant, fleet.signal);
  const uncovered: string[] = [];
  for (const [path, kinds] of looks) {
    for (const [what, altered] of alterationsOf(snapshot, path, kinds)) {
      // One after the other, as one commit follows another: what is remembered of the first is part of the answer.
      if ((await keyOf(snapshot)) === (await keyOf(altered))) uncovered.push(what);
    }
  }
  return uncovered;
}

async function expectTraced(snapshot: Snapshot, variant: Variant, outcome = /^\d+ objects/): Promise<Looks> {
  const traced = await looksOf(snapshot, variant);
  expect(traced.outcome, variant.path).toMatch(outcome);
  expect(traced.outcome).not.toMatch(/cannot run/);
  expect(await uncoveredBy(snapshot, variant, traced.looks), variant.path).toEqual([]);
  return traced.looks;
}

onLinux("the memo key covers every path that the renderers ask the kernel for (strace needs Linux)", () => {
  test("in every kind of source, and through every field of a kustomization that names something", async () => {
    await fleet.commit(READING_FILES);
    const snapshot = await fleet.commitLinks(READING_LINKS);
    for (const variant of READING_VARIANTS) await expectTraced(snapshot, variant);
  });

  test("in charts: dependencies, files by name and pattern, crds, what is ignored, schemas, values and patches elsewhere", async () => {
    const meta = (fields: object): string =>
      JSON.stringify({ apiVersion: "v2", name: "x", version: "1.0.0", ...fields });
    const files = {
      ...below("rich", readingChart("rich")),
      "rich/Chart.yaml": meta({
        name: "rich",
        dependencies: [
          { name: "sub", version: "1.0.0", alias: "one" },
          { name: "sub", version: "1.0.0", alias: "two", condition: "two.enabled" },
        ],
      }),
      "rich/Chart.lock": "dependencies: [{name: sub, version: 1.0.0}]\n",
      "rich/values.schema.json": '{"type": "object"}',
      "rich/.helmignore": "ignored/\n*.bak\n",
      "rich/ignored/x.yaml": "{{ nothing }}",
      "rich/templates/y.bak": "{{ nothing }}",
      "rich/templates/_helpers.tpl": '{{ define "x" }}y{{ end }}',
      "rich/templates/NOTES.txt": "hello",
      "rich/templates/glob.yaml": `{{ range $path, $_ := .Files.Glob "files/**.txt" }}\n---\n${configMap("{{ base $path }}")}{{ end }}`,
      "rich/files/a.txt": "a",
      "rich/files/deep/b.txt": "b",
      "rich/crds/crd.yaml":
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: xs.example.com}\nspec: {group: example.com}\n",
      ...below("rich/charts/sub", readingChart("sub")),
      "rich/charts/sub/templates/cm.yaml": configMap("{{ .Chart.Name }}"),
      ...below("rich/charts/sub/charts/inner", readingChart("inner")),
      "elsewhere/values.yaml": "v: 3\ntwo: {enabled: false}\n",
      ...below("old", readingChart("old")),
      "old/Chart.yaml": "apiVersion: v1\nname: old\nversion: 1.0.0\n",
      "old/requirements.yaml": "dependencies: [{name: sub, version: 1.0.0}]\n",
      "old/requirements.lock": "dependencies: [{name: sub, version: 1.0.0}]\n",
      ...below("old/charts/sub", readingChart("old-sub")),
      "old/charts/sub/Chart.yaml": "apiVersion: v1\nname: sub\nversion: 1.0.0\n",
      ...below("lib", readingChart("lib")),
      ...below("lacks", readingChart("lacks")),
      "lacks/Chart.yaml": meta({ name: "lacks", dependencies: [{ name: "sub", version: "1.0.0" }] }),
      ...below("lacks/charts/sub", readingChart("sub")),
      "lacks/charts/sub/Chart.yaml": meta({
        name: "sub",
        dependencies: [{ name: "gone", version: "1.0.0", condition: "gone.enabled" }],
      }),
      "lacks/values.yaml": "sub: {gone: {enabled: false}}\n",
      ...below("far", readingChart("far")),
      "far/Chart.yaml": meta({
        name: "far",
        dependencies: [
          { name: "lib", version: "1.0.0", repository: "file://../lib" },
          { name: "web", version: "1.0.0", repository: "https://charts.example.com" },
        ],
      }),
      "away/kustomization.yaml":
        "resources: ['https://github.com/acme/base//deploy?ref=v1']\nhelmCharts: [{name: web, repo: 'https://charts.example.com', version: 1.0.0, releaseName: r}]\n",
    };
    const elsewhere = {
      "chart https://charts.example.com web 1.0.0": readingChart("web"),
      "git https://github.com/acme/base v1": {
        "deploy/kustomization.yaml": "resources: [cm.yaml, ../common]\n",
        "deploy/cm.yaml": configMap("base"),
        "common/kustomization.yml": "resources: [cm.yaml]\n",
        "common/cm.yaml": configMap("common"),
      },
    };
    const { snapshot } = await fleet.compose(files, elsewhere, ["far", "away"]);
    const patches = [
      { target: { kind: "ConfigMap", name: "rich" }, patch: '[{"op": "add", "path": "/data/p", "value": "1"}]' },
    ];
    const looks = await expectTraced(snapshot, variantOf("rich", { values: ["elsewhere/values.yaml"], patches }));
    // That the trace sees anything.
    expect([...looks.keys()]).toEqual(
      expect.arrayContaining(["rich/.helmignore", "rich/files/deep/b.txt", "elsewhere/values.yaml"]),
    );
    for (const path of ["old", "lacks", "far", "away"]) await expectTraced(snapshot, variantOf(path));
  });

  test("in kustomizations whose parts are missing, or stand in files of their own", async () => {
    const snapshot = await fleet.commit({
      ...READING_FILES,
      "gen/kustomization.yaml":
        "generators: [chart.yaml, ../generators]\ntransformers: [prefix.yaml]\nvalidators: []\n",
      "gen/chart.yaml":
        "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: g}\nname: inner\nreleaseName: r\nvaluesFile: own.yaml\nadditionalValuesFiles: [more.yaml]\n",
      "gen/own.yaml": "v: 7\n",
      "gen/more.yaml": "v: 8\n",
      "gen/prefix.yaml":
        "apiVersion: builtin\nkind: ReplacementTransformer\nmetadata: {name: t}\nreplacements: [{path: r.yaml}]\n",
      "gen/r.yaml":
        "source: {kind: ConfigMap, name: inner, fieldPath: data.v}\ntargets: [{select: {kind: ConfigMap}, fieldPaths: [data.r], options: {create: true}}]\n",
      ...below("gen/charts/inner", readingChart("inner")),
      "no-base/kustomization.yaml": "resources: [../nowhere]\n",
      "no-file/kustomization.yaml": "resources: [gone.yaml]\n",
      "no-patch/kustomization.yaml": "resources: [../base]\npatches: [{path: gone/p.yaml}]\n",
      "no-env/kustomization.yaml": "configMapGenerator: [{name: a, envs: [../gone.env]}]\n",
      "no-chart/kustomization.yaml": "helmGlobals: {chartHome: ../homes}\nhelmCharts: [{name: gone, releaseName: r}]\n",
      "no-values/kustomization.yaml":
        "helmGlobals: {chartHome: ../homes}\nhelmCharts: [{name: outer, releaseName: r, valuesFile: ../gone.yaml}]\n",
    });
    await expectTraced(snapshot, variantOf("gen"));
    for (const path of ["no-base", "no-file", "no-patch", "no-env", "no-chart", "no-values"]) {
      await expectTraced(snapshot, variantOf(path), /^fails/);
    }
  });

  test("through links, dangling ones too, and at the root", async () => {
    await fleet.commit({
      ...READING_FILES,
      ...below("links/chart", readingChart("chart")),
      ...below("links/dangling", readingChart("chart")),
      "links/k/kustomization.yaml":
        "resources: [one, dangling.yaml]\nhelmGlobals: {chartHome: homes}\nhelmCharts: [{name: outer, releaseName: r}]\n",
      "links/far/deep/kustomization.yaml": "resources: [cm.yaml]\n",
      "links/far/deep/cm.yaml": configMap("deep"),
      "links/files/f.txt": "text",
      "links/folder/kustomization.yaml/x": "a folder of that name",
      "links/folder/kustomization.yml": "resources: [cm.yaml]\n",
      "links/folder/cm.yaml": configMap("folder"),
      "links/inline/kustomization.yaml":
        "resources: [cm.yaml]\ntransformers:\n- |-\n  apiVersion: builtin\n  kind: PatchTransformer\n  metadata: {name: t}\n  path: ../gone/p.yaml\n",
      "links/inline/cm.yaml": configMap("inline"),
      "links/file/kustomization.yaml": "resources: [cm.yaml]\ntransformers: [t.yaml]\n",
      "links/away/kustomization.yaml": "resources: [cm.yaml]\ntransformers: [../t-elsewhere]\n",
      "links/away/cm.yaml": configMap("away"),
      "links/file/t.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: t}\npath: ../gone/p.yaml\n",
      "links/file/cm.yaml": configMap("file"),
      "links/t-elsewhere/kustomization.yaml": "resources: [t.yaml]\n",
      "links/t-elsewhere/t.yaml":
        "apiVersion: builtin\nkind: ReplacementTransformer\nmetadata: {name: t}\nreplacements: [{path: ../gone/own.yaml}]\n",
    });
    const snapshot = await fleet.commitLinks({
      "links/app": "chart",
      "links/chart/files": "../way",
      "links/way": "files",
      "links/chart/templates/more.yaml": "../../far/deep/cm.yaml",
      "links/dangling/files/a.txt": "../../gone.txt",
      "links/dangling/charts": "../gone-charts",
      "links/k/one": "two",
      "links/k/two": "../far/deep",
      "links/k/homes": "../../homes",
      "links/k/dangling.yaml": "../nowhere/cm.yaml",
      "links/values": "../values",
    });
    await expectTraced(snapshot, variantOf("links/app", { values: ["links/values/prod.yaml"] }));
    await expectTraced(snapshot, variantOf("links/folder"));
    for (const path of ["dangling", "k", "inline", "file", "away"])
      await expectTraced(snapshot, variantOf(`links/${path}`), /./);
    await expectTraced(
      await fleet.commit({ "kustomization.yaml": "resources: [base, links/folder]\n" }),
      variantOf(""),
    );
  });

  test("in submodules", async () => {
    await using server = await GitServer.start();
    const library = await server.createRepository("library");
    const files = { "base/kustomization.yaml": "resources: [cm.yaml]\n", "base/cm.yaml": configMap("module") };
    await (await library.clone()).publish(files, "library");
    const origin = await server.createRepository("fleet");
    const work = await origin.clone();
    await work.git("submodule", "--quiet", "add", library.url, "vendor/library");
    const commit = await work.publish(
      { "module/kustomization.yaml": "resources: [../vendor/library/base]\n" },
      "fleet",
    );
    await using repository = new GitRepository({
      url: origin.url,
      directory: join(fleet.path, "modules"),
      environment: process.env,
    });
    await repository.fetch(undefined, fleet.signal);
    const snapshot = await repository.snapshot(commit, fleet.signal);
    const looks = await expectTraced(snapshot, variantOf("module"));
    expect(looks.get("vendor/library/base/cm.yaml")).toContain("seen");
  });

  test("in every folder of the layouts that people have", async () => {
    const layouts = fileURLToPath(new URL("../../../../e2e/fixtures/layouts/", import.meta.url));
    const files: Record<string, string> = {};
    for (const entry of await readdir(layouts, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) files[`layouts/${path.slice(layouts.length)}`] = await readFile(path, "utf8");
    }
    const snapshot = await fleet.commit(files);
    let traced = 0;
    for (const folder of snapshot.folders.keys()) {
      if (!folder.startsWith("layouts/") || /\/templates(\/|$)/.test(folder)) continue;
      if ((await fleet.renderer.inspect(snapshot, folder, fleet.signal)) === undefined) continue;
      await expectTraced(snapshot, variantOf(folder, { namespace: "web" }), /./);
      traced += 1;
    }
    expect(traced).toBeGreaterThan(20);
  });
});
