import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { adopt, CORPORA, corporaIn, type AdoptedRepository, type Renderable } from "./corpus.ts";
import { axle, helmTemplate, kustomizeBuild, objectsIn } from "./bare-render.ts";

const NAMESPACE = "corpus";
const names = CORPORA === undefined ? [] : await corporaIn(CORPORA);

const own = (kind: string, name: string, more: object): string =>
  JSON.stringify({ apiVersion: "axle.dev/v1", kind, metadata: { name, ...more } });
const appOf = (at: number): string => `app-${at}`;

/** One app and one cluster for each folder that renders: they need not go together. */
function oneByOne(renderables: readonly Renderable[]): Record<string, string> {
  const each = renderables.map(({ path }, at) => {
    const cluster = own("Cluster", `only-${at}`, { labels: { only: appOf(at) } });
    const spec = { source: { path: `/${path}` }, namespace: NAMESPACE, clusters: { matchLabels: { only: appOf(at) } } };
    return `${cluster}\n---\n${JSON.stringify({ apiVersion: "axle.dev/v1", kind: "App", metadata: { name: appOf(at) }, spec })}`;
  });
  const fleet = JSON.stringify({ apiVersion: "axle.dev/v1", kind: "Fleet", metadata: { name: "corpus" }, spec: {} });
  return { "axle.yaml": [fleet, ...each].join("\n---\n") };
}

describe.skipIf(CORPORA === undefined)("real repositories (AXLE_TEST_CORPORA names a folder of them)", () => {
  test.each(names)("every folder of %s that kustomize or helm renders comes out as they give it", async (name) => {
    await using repository = await adopt(join(CORPORA ?? "", name), oneByOne);
    const { directory, renderables } = repository;
    expect(renderables.length).toBeGreaterThan(0);
    for (const [at, { path, type }] of renderables.entries()) {
      const bare =
        type === "kustomize"
          ? await kustomizeBuild(directory, path)
          : await helmTemplate(directory, appOf(at), path, ["--namespace", NAMESPACE]);
      const rendered = await axle(directory, "render", "--cluster", `only-${at}`, ".");
      if (bare.code !== 0) expect(rendered.code, path).toBe(1);
      else {
        expect(rendered, path).toMatchObject({ code: 0, stderr: "" });
        expect(objectsIn(rendered.stdout, NAMESPACE), path).toEqual(objectsIn(bare.stdout, NAMESPACE));
      }
    }
  });
});

describe.skipIf(!names.includes("podinfo"))("podinfo (in AXLE_TEST_CORPORA), as a platform team lays it out", () => {
  const cluster = (name: string, labels: object): string => own("Cluster", name, { labels });
  const files = {
    "axle.yaml": `apiVersion: axle.dev/v1
kind: Fleet
metadata: { name: podinfo }
spec:
  clusterFiles: ["clusters/*.yaml"]
  layout:
    - path: deploy/overlays/{env}
      app: stack
      clusters: { matchLabels: { env: "{env}" } }
    - path: kustomize
      app: plain
      namespace: plain
      clusters: { all: true }
`,
    "apps/podinfo/app.yaml": `apiVersion: axle.dev/v1
kind: App
metadata: { name: podinfo }
spec:
  source: { path: /charts/podinfo }
  namespace: podinfo
  clusters: { matchLabels: { env: production } }
  valuesFiles: [/charts/podinfo/values-prod.yaml]
  values: { ui: { message: hello } }
  overrides:
    - clusters: { matchLabels: { region: us } }
      values: { replicaCount: 5, hpa: { enabled: false } }
`,
    "clusters/dev.yaml": cluster("dev", { env: "dev", region: "eu" }),
    "clusters/staging.yaml": cluster("staging", { env: "staging", region: "eu" }),
    "clusters/prod.yaml": `${cluster("prod-eu", { env: "production", region: "eu" })}\n---\n${cluster("prod-us", { env: "production", region: "us" })}`,
  };
  let repository: AdoptedRepository;

  beforeAll(async () => {
    repository = await adopt(join(CORPORA ?? "", "podinfo"), () => files);
  });

  afterAll(() => repository[Symbol.asyncDispose]());

  test("is valid, and goes where labels say, seen from the clusters and from the apps", async () => {
    const { directory } = repository;
    expect(await axle(directory, "validate")).toEqual({
      code: 0,
      stdout: "no problems (3 apps, 4 clusters, 6 variants rendered)\n",
      stderr: "",
    });
    const targets = async (...args: readonly string[]): Promise<Record<string, readonly string[]>> => {
      const { stdout } = await axle(directory, "targets", ".", "-o", "json", ...args);
      const rows = JSON.parse(stdout) as readonly { cluster: string; apps: readonly { app: string }[] }[];
      return Object.fromEntries(rows.map((row) => [row.cluster, row.apps.map(({ app }) => app)]));
    };
    expect(await targets()).toEqual({
      dev: ["plain", "stack"],
      staging: ["plain", "stack"],
      "prod-eu": ["plain", "podinfo", "stack"],
      "prod-us": ["plain", "podinfo", "stack"],
    });
    expect(await targets("-l", "region=us")).toEqual({ "prod-us": ["plain", "podinfo", "stack"] });
    expect(await targets("--app", "podinfo")).toEqual({ "prod-eu": ["podinfo"], "prod-us": ["podinfo"] });
    expect(await axle(directory, "targets", ".", "-l", "env=prod")).toMatchObject({ code: 1 });
  });

  test.each([
    ["dev", "deploy/overlays/dev", undefined],
    ["staging", "deploy/overlays/staging", undefined],
    ["prod-eu", "deploy/overlays/production", []],
    ["prod-us", "deploy/overlays/production", ["--set", "replicaCount=5,hpa.enabled=false"]],
  ] as const)("%s gets what kustomize and helm give, put together", async (name, overlay, more) => {
    const { directory } = repository;
    const values = ["-f", "charts/podinfo/values-prod.yaml", "--set", "ui.message=hello", ...(more ?? [])];
    const chart =
      more === undefined
        ? ""
        : (await helmTemplate(directory, "podinfo", "charts/podinfo", ["--namespace", "podinfo", ...values])).stdout;
    const expected = new Map([
      ...objectsIn((await kustomizeBuild(directory, overlay)).stdout, ""),
      ...objectsIn((await kustomizeBuild(directory, "kustomize")).stdout, "plain"),
      ...objectsIn(chart, "podinfo"),
    ]);
    const rendered = await axle(directory, "render", "--cluster", name, ".");
    expect(rendered).toMatchObject({ code: 0, stderr: "" });
    expect(objectsIn(rendered.stdout, "")).toEqual(expected);
    expect(expected.size).toBeGreaterThan(20);
  });
});
