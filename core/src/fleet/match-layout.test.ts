import { describe, expect, it } from "vitest";
import type { App } from "./app.ts";
import type { Contract } from "./contract.ts";
import { contractFilesOf, readContract } from "./parse-contract.ts";

/** Reads a repository: `axle.yaml` with this layout, and these files (empty unless a text is given). */
function read(layout: string, files: readonly string[], texts: Readonly<Record<string, string>> = {}): Contract {
  const fleet = `apiVersion: axle.dev/v1\nkind: Fleet\nmetadata: { name: acme }\nspec:\n  layout:\n${layout.replaceAll(/^/gm, "    ")}\n`;
  const all = new Map([["axle.yaml", fleet], ...files.map((file) => [file, ""] as const), ...Object.entries(texts)]);
  const needed = contractFilesOf(fleet, all.keys());
  return readContract({ paths: all.keys(), texts: new Map(needed.map((path) => [path, all.get(path) as string])) });
}

function summary(apps: readonly App[]): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  return Object.fromEntries(
    apps.map(({ name, placements }) => [
      name,
      Object.fromEntries(
        placements.map(({ path, clusters }) => [
          path,
          clusters.names.length > 0 ? clusters.names : clusters.all ? "all" : clusters.matchLabels,
        ]),
      ),
    ]),
  );
}

const ENV = 'clusters: { matchLabels: { env: "{env}" } }';

describe("a layout", () => {
  it("finds apps/<app>/overlays/<env> and leaves bases alone", () => {
    const { apps, problems } = read(`- path: apps/{app}/overlays/{env}\n  ${ENV}`, [
      "apps/web/base/kustomization.yaml",
      "apps/web/overlays/dev/kustomization.yaml",
      "apps/web/overlays/prod/kustomization.yaml",
      "apps/web/overlays/prod/patches/p.yaml",
      "apps/api/overlays/prod/Kustomization",
      "apps/api/overlays/readme/README.md",
    ]);
    expect(problems).toEqual([]);
    expect(summary(apps)).toEqual({
      api: { "apps/api/overlays/prod": { env: "prod" } },
      web: { "apps/web/overlays/dev": { env: "dev" }, "apps/web/overlays/prod": { env: "prod" } },
    });
  });

  it("finds apps/<env>/<app>", () => {
    const { apps } = read(`- path: apps/{env}/{app}\n  ${ENV}`, ["apps/dev/web/x.yaml", "apps/prod/web/x.yaml"]);
    expect(summary(apps)).toEqual({ web: { "apps/dev/web": { env: "dev" }, "apps/prod/web": { env: "prod" } } });
  });

  it("finds environments/<env> over a base as one app with a fixed name", () => {
    const { apps } = read(`- path: environments/{env}\n  app: shop\n  ${ENV}`, [
      "base/kustomization.yaml",
      "environments/dev/kustomization.yaml",
      "environments/prod/kustomization.yaml",
    ]);
    expect(summary(apps)).toEqual({
      shop: { "environments/dev": { env: "dev" }, "environments/prod": { env: "prod" } },
    });
  });

  it("finds clusters/<cluster>/<app>", () => {
    const { apps } = read('- path: clusters/{cluster}/{app}\n  clusters: { names: ["{cluster}"] }', [
      "clusters/eu-1/web/x.yaml",
      "clusters/us-1/web/x.yaml",
    ]);
    expect(summary(apps)).toEqual({ web: { "clusters/eu-1/web": ["eu-1"], "clusters/us-1/web": ["us-1"] } });
  });

  it("uses several captures in selectors, namespace, labels and the app's name", () => {
    const { apps, problems } = read(
      `- path: teams/{team}/{svc}/{env}/{region}
  app: "{team}-{svc}"
  namespace: "{team}"
  labels: { team: "{team}", env: "{env}" }
  clusters:
    matchLabels: { env: "{env}" }
    matchExpressions: [{ key: region, operator: In, values: ["{region}", global] }]`,
      ["teams/web/shop/prod/eu/x.yaml", "teams/web/shop/dev/eu/x.yaml"],
    );
    expect(problems).toEqual([]);
    expect(apps).toMatchObject([
      {
        name: "web-shop",
        labels: { team: "web" },
        placements: [
          { path: "teams/web/shop/dev/eu", namespace: "web", clusters: { matchLabels: { env: "dev" } } },
          {
            path: "teams/web/shop/prod/eu",
            clusters: { matchExpressions: [{ key: "region", operator: "In", values: ["eu", "global"] }] },
          },
        ],
      },
    ]);
    expect(apps[0]?.labels).toEqual({ team: "web" });
  });

  it("gives a folder to the first entry that matches it, and none that exclude names", () => {
    const { apps } = read(
      `- path: infrastructure/special
  app: special
  clusters: { matchLabels: { env: prod } }
- path: infrastructure/{app}
  exclude: ["infrastructure/_*"]
  clusters: { all: true }`,
      ["infrastructure/special/x.yaml", "infrastructure/dns/x.yaml", "infrastructure/_lib/x.yaml"],
    );
    expect(summary(apps)).toEqual({
      dns: { "infrastructure/dns": "all" },
      special: { "infrastructure/special": { env: "prod" } },
    });
  });

  it("warns about an entry that matches nothing", () => {
    expect(read("- path: app/{app}\n  clusters: { all: true }", ["apps/web/x.yaml"]).problems).toMatchObject([
      {
        severity: "warning",
        code: "ignored",
        message: expect.stringContaining("matches app/{app}"),
        place: { line: 6 },
      },
    ]);
  });

  it("does not look into hidden folders and node_modules", () => {
    const { apps } = read('- path: "{app}"\n  clusters: { all: true }', [
      ".github/x.yaml",
      "node_modules/x.yaml",
      "web/x.yaml",
    ]);
    expect(Object.keys(summary(apps))).toEqual(["web"]);
  });
});

describe("App files and a layout together", () => {
  const LAYOUT = "- path: apps/{app}\n  clusters: { all: true }";
  const appFile = (name: string, path: string): string =>
    `apiVersion: axle.dev/v1\nkind: App\nmetadata: { name: ${name} }\nspec:\n  source: { path: ${path} }\n  clusters: { matchLabels: { env: prod } }\n`;

  it("the App file wins for its name", () => {
    const { apps, problems } = read(LAYOUT, ["apps/web/x.yaml", "other/x.yaml"], {
      "other/app.yaml": appFile("web", "."),
    });
    expect(problems).toEqual([]);
    expect(summary(apps)).toEqual({ web: { other: { env: "prod" } } });
  });

  it("the App file wins for its own folder and for its source folders, whatever its name", () => {
    const { apps } = read(LAYOUT, ["apps/web/x.yaml", "apps/site/x.yaml", "apps/api/x.yaml"], {
      "apps/web/app.yaml": appFile("frontend", "/apps/site"),
    });
    expect(summary(apps)).toEqual({ api: { "apps/api": "all" }, frontend: { "apps/site": { env: "prod" } } });
  });

  it("a folder that holds only an App file holds nothing to render", () => {
    const { apps, problems } = read(LAYOUT, ["m/x.yaml", "apps/a/x.yaml"], {
      "apps/web.app.yaml": appFile("web", "/m"),
      "apps/other/app.yaml": appFile("other", "/m"),
    });
    expect(problems).toEqual([]);
    expect(Object.keys(summary(apps))).toEqual(["a", "other", "web"]);
  });

  it("an app.yaml that holds a manifest is a manifest", () => {
    const { apps } = read(LAYOUT, [], { "apps/web/app.yaml": "apiVersion: apps/v1\nkind: Deployment\n" });
    expect(summary(apps)).toEqual({ web: { "apps/web": "all" } });
  });
});
