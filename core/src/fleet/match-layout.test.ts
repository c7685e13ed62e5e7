import { describe, expect, it } from "vitest";
import type { App } from "./app.ts";
import type { Contract } from "./contract.ts";
import { branchMount } from "./branch-pattern.ts";
import { contractFilesOf, readContract } from "./parse-contract.ts";
import { refusesCommit } from "./problem.ts";
import { mountOf } from "./source-request.ts";
import { sourceRequestsOf, wantedRefsOf } from "./source-requests.ts";

/** Reads a repository: `axle.yaml` with this layout, and these files (empty unless a text is given). */
function read(
  layout: string,
  files: readonly string[],
  texts: Readonly<Record<string, string>> = {},
  beside: { readonly branches?: readonly string[]; readonly links?: Readonly<Record<string, string>> } = {},
): Contract {
  const { branches = [], links = {} } = beside;
  const fleet = `apiVersion: axle.dev/v1\nkind: Fleet\nmetadata: { name: acme }\nspec:\n  layout:\n${layout.replaceAll(/^/gm, "    ")}\n`;
  const paths = [...files, ...Object.keys(links)];
  const all = new Map([["axle.yaml", fleet], ...paths.map((file) => [file, ""] as const), ...Object.entries(texts)]);
  const needed = contractFilesOf(fleet, all.keys());
  const read = new Map(needed.map((path) => [path, all.get(path) as string]));
  return readContract({ paths: all.keys(), texts: read, branches, links: new Map(Object.entries(links)) });
}

/** Files of a branch, where they are mounted. */
function onBranch(branch: string, files: readonly string[]): readonly string[] {
  return files.map((file) => `${branchMount(branch)}/${file}`);
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

  it("warns about an entry whose folders are all taken by those before it", () => {
    const general = `- path: apps/{app}/{env}\n  ${ENV}`;
    const special = `- path: apps/shop/{env}\n  app: special\n  ${ENV}`;
    const files = ["apps/shop/dev/x.yaml", "apps/web/dev/x.yaml"];
    expect(read(`${special}\n${general}`, files).problems).toEqual([]);
    expect(read(`${general}\n${special}`, files).problems).toMatchObject([
      {
        severity: "warning",
        code: "ignored",
        message: "an entry before this one takes every folder that matches apps/shop/{env}; put this one first",
        place: { line: 8 },
        field: "path",
      },
    ]);
  });

  it("captures no part of a chart, which belongs to it, but takes one that is named", () => {
    const layout = `- path: apps/{app}
  clusters: { all: true }
- path: apps/{app}/{part}
  app: "{app}-{part}"
  clusters: { all: true }
- path: apps/web/crds
  app: web-crds
  clusters: { all: true }`;
    const { apps, problems } = read(layout, [
      "apps/web/Chart.yaml",
      "apps/web/crds/x.yaml",
      "apps/web/templates/x.yaml",
      "apps/web/charts/x.yaml",
      "apps/web/dev/x.yaml",
      "apps/plain/templates/x.yaml",
    ]);
    expect(problems).toEqual([]);
    expect(apps.map(({ name }) => name)).toEqual(["plain-templates", "web", "web-crds", "web-dev"]);
  });

  it("takes a link to such a folder for one, and no other link", () => {
    const links = {
      "apps/web/prod": "dev",
      "apps/web/test": "../web/prod",
      "apps/web/file": "dev/x.yaml",
      "apps/web/out": "../../..",
      "apps/web/loop": "loop",
      "apps/other": "web",
    };
    const { apps } = read(`- path: apps/{app}/{env}\n  ${ENV}`, ["apps/web/dev/x.yaml"], {}, { links });
    expect(summary(apps)).toEqual({
      web: { "apps/web/dev": { env: "dev" }, "apps/web/prod": { env: "prod" }, "apps/web/test": { env: "test" } },
    });
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

describe("a layout entry with branches", () => {
  const STAGING = onBranch("env/staging", ["apps/web/a.yaml", "apps/api/a.yaml", "axle.yaml", "clusters/x.yaml"]);
  const PROD = onBranch("env/prod", ["apps/web/a.yaml"]);
  const BRANCHES = ["main", "env/prod", "env/staging", "env/qa/old", "feature"];

  it("finds the folders of every branch that fits, with what the branch captures", () => {
    const { apps, problems } = read(
      `- path: apps/{app}\n  branch: env/{env}\n  ${ENV}`,
      ["apps/none/a.yaml", ...STAGING, ...PROD],
      {},
      { branches: BRANCHES },
    );
    expect(problems).toEqual([]);
    expect(summary(apps)).toEqual({
      api: { [`${branchMount("env/staging")}/apps/api`]: { env: "staging" } },
      web: {
        [`${branchMount("env/prod")}/apps/web`]: { env: "prod" },
        [`${branchMount("env/staging")}/apps/web`]: { env: "staging" },
      },
    });
  });

  it("may capture a part of a segment, and take the root of a branch", () => {
    const files = onBranch("env-prod", ["a.yaml", "b.yaml"]);
    const { apps } = read(
      `- path: .\n  branch: env-{env}\n  app: shop\n  ${ENV}`,
      files,
      {},
      { branches: ["env-prod", "env-"] },
    );
    expect(summary(apps)).toEqual({ shop: { [branchMount("env-prod")]: { env: "prod" } } });
  });

  it("takes one branch, or another ref, by its name, whatever branches there are", () => {
    const mount = mountOf({ type: "ref", ref: "v1.2.0" });
    const { apps, problems } = read(
      "- { path: 'apps/{app}', branch: env/prod, clusters: { all: true } }\n- { path: 'infra/{app}', ref: v1.2.0, clusters: { all: true } }",
      [...PROD, `${mount}/infra/dns/a.yaml`],
    );
    expect(problems).toEqual([]);
    expect(summary(apps)).toEqual({
      dns: { [`${mount}/infra/dns`]: "all" },
      web: { [`${branchMount("env/prod")}/apps/web`]: "all" },
    });
  });

  it("reads nothing of ours in what is mounted, and leaves it to other entries with a path alone", () => {
    const texts = Object.fromEntries(
      onBranch("x", ["axle.yaml", "apps/a/app.yaml", "clusters/c.yaml"]).map((path) => [path, "not: ours: at all"]),
    );
    const layout = "- { path: '{a}/{b}/{app}', clusters: { all: true } }";
    const { apps, clusterFiles, problems } = read(layout, ["one/two/three/a.yaml"], texts, { branches: ["x"] });
    expect(problems).toEqual([]);
    expect(clusterFiles).toEqual([]);
    expect(summary(apps)).toEqual({ three: { "one/two/three": "all" } });
  });

  it("keeps its apps though an App file takes a folder of the same ref", () => {
    const mount = mountOf({ type: "ref", ref: "v1.2.0" });
    const { apps } = read(
      "- { path: 'infra/{app}', ref: v1.2.0, clusters: { all: true } }",
      [`${mount}/infra/dns/a.yaml`, "m/x.yaml"],
      {
        "x/app.yaml":
          "apiVersion: axle.dev/v1\nkind: App\nmetadata: { name: x }\nspec: { source: { path: /m }, clusters: { all: true }, overrides: [{ clusters: { names: [a] }, path: /infra/dns, ref: v1.2.0 }] }\n",
      },
    );
    expect(apps.map(({ name }) => name)).toEqual(["dns", "x"]);
  });

  it("says which branch or folder it misses", () => {
    const messages = (branch: string, files: readonly string[]) =>
      read(`- path: apps/{app}\n  branch: ${branch}\n  ${ENV.replace("{env}", "x")}`, files, {}, { branches: BRANCHES })
        .problems;
    expect(messages("stage/{env}", PROD)).toMatchObject([
      { severity: "warning", message: "no branch of the repository matches stage/{env}", field: "branch" },
    ]);
    expect(messages("feature", PROD)).toMatchObject([
      { severity: "warning", message: expect.stringContaining("matches apps/{app} on branch feature") as string },
    ]);
  });

  it("leaves out folders that do not fit without refusing the commit, for they came with another push", () => {
    const files = onBranch("env/prod", ["apps/Web_App/a.yaml", "apps/web/a.yaml"]);
    const { apps, problems } = read(
      `- path: apps/{app}\n  branch: env/{env}\n  ${ENV}`,
      files,
      {},
      { branches: BRANCHES },
    );
    expect(Object.keys(summary(apps))).toEqual(["web"]);
    expect(problems).toMatchObject([
      { severity: "warning", message: expect.stringContaining("apps/Web_App (branch env/prod)") as string },
    ]);
  });

  it.each([
    ["- { path: 'apps/{app}', branch: 'env/{env', clusters: { all: true } }", "braces"],
    ["- { path: 'apps/{app}', branch: 'a/{x}-{y}', clusters: { all: true } }", "two captures"],
    ["- { path: 'apps/{app}', branch: 'a..b', clusters: { all: true } }", "cannot be the name"],
    ["- { path: 'apps/{app}', branch: '*', clusters: { all: true } }", "globs"],
    ["- { path: 'apps/{app}', branch: '{app}', clusters: { all: true } }", "{app} is captured twice"],
    ["- { path: 'apps/{app}', branch: a, ref: b, clusters: { all: true } }", "both branch and ref"],
    ["- { path: 'apps/{app}', ref: refs/axle/x, clusters: { all: true } }", "no branch and no tag"],
    [
      "- { path: 'apps/{app}', branch: x, clusters: { names: ['{env}'] } }",
      "{env} stands for nothing: the entry captures",
    ],
  ])("S3: refuses %s", (layout, words) => {
    const { problems } = read(layout, []);
    expect(
      problems
        .filter(({ severity }) => severity === "error")
        .map(({ message }) => message)
        .join(),
    ).toContain(words);
    expect(refusesCommit(problems)).toBe(true);
  });

  it("tells a capture that nobody captured once, and not again for each folder", () => {
    const files = ["a/dev/x.yaml", "a/prod/x.yaml"];
    const { problems } = read("- { path: 'a/{env}', app: web, clusters: { matchLabels: { env: '{envv}' } } }", files);
    expect(problems.map(({ message }) => message)).toEqual(["{envv} stands for nothing: the path captures {env}"]);
    expect(refusesCommit(problems)).toBe(true);
  });
});

describe("what has to be fetched of a repository's refs", () => {
  it("is named by prefix for captures, and whole for the rest, which may be a branch or a tag", () => {
    const layout = `- path: apps/{app}\n  branch: env/{env}\n  ${ENV}\n- { path: 'x/{app}', ref: v1, clusters: { all: true } }\n- { path: 'y/{app}', branch: next, clusters: { all: true } }\n- { path: 'z/{app}', ref: ${"a".repeat(40)}, clusters: { all: true } }`;
    const contract = read(layout, []);
    expect(wantedRefsOf(contract)).toEqual([
      { prefix: "refs/heads/env/", all: true },
      { prefix: "refs/heads/next", all: false },
      { prefix: "refs/heads/v1", all: false },
      { prefix: "refs/tags/v1", all: false },
    ]);
    const requests = sourceRequestsOf(contract, ["env/prod", "other", "next"]);
    expect(requests.map((request) => (request.type === "ref" ? request.ref : ""))).toEqual([
      "a".repeat(40),
      "refs/heads/env/prod",
      "refs/heads/next",
      "v1",
    ]);
  });
});
