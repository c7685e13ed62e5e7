import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Contract } from "./contract.ts";
import { contractFilesOf, readContract } from "./parse-contract.ts";
import { formatProblem, refusesCommit } from "./problem.ts";

type Files = Readonly<Record<string, string>>;

const FLEET = `apiVersion: axle.dev/v1
kind: Fleet
metadata: { name: acme }
`;

/** Reads a repository given as path -> text, the way the hub does: first which files, then those. */
function read(files: Files): Contract {
  const paths = Object.keys(files);
  const needed = contractFilesOf(files["axle.yaml"], paths);
  return readContract({ paths, texts: new Map(needed.map((path) => [path, files[path] as string])) });
}

function messagesOf(files: Files): readonly string[] {
  return read(files).problems.map(formatProblem);
}

function app(name: string, spec: string): string {
  return `apiVersion: axle.dev/v1\nkind: App\nmetadata: { name: ${name} }\nspec:\n${spec.replaceAll(/^/gm, "  ")}\n`;
}

const PLAIN_SPEC = "source: { path: . }\nclusters: { all: true }";

it("more problems than a call takes arguments are problems like any others", () => {
  const { problems } = read({ "axle.yaml": FLEET, "a/app.yaml": "apiVersion: axle.dev/v1\n---\n".repeat(130_000) });
  expect(problems.length).toBeGreaterThan(130_000 - 1);
  expect(refusesCommit(problems)).toBe(true);
}, 60_000);

it("an App whose settings no slice should carry is refused", () => {
  const spec = `${PLAIN_SPEC}\nignoreDifferences: [{ kind: Pod, jsonPointers: [/${"x".repeat(300_000)}] }]`;
  const problems = messagesOf({ "axle.yaml": FLEET, "a/app.yaml": app("web", spec), "a/m.yaml": "" });
  expect(problems).toContainEqual(expect.stringMatching(/a\/app.yaml.*262144 are the limit/));
});

describe("contractFilesOf", () => {
  it("names axle.yaml, the cluster files and every App file, but none in hidden folders or charts", () => {
    const fleet = `${FLEET}spec: { clusterFiles: ["clusters/*.yaml"] }`;
    const paths = [
      "axle.yaml",
      "clusters/a.yaml",
      "clusters/deep/b.yaml",
      "apps/web/app.yaml",
      "apps/web/deployment.yaml",
      "apps/all.app.yaml",
      ".github/app.yaml",
      "node_modules/x/app.yaml",
      "chart/Chart.yaml",
      "chart/templates/app.yaml",
      "app.yml",
    ];
    expect(contractFilesOf(fleet, paths)).toEqual([
      "app.yml",
      "apps/all.app.yaml",
      "apps/web/app.yaml",
      "axle.yaml",
      "clusters/a.yaml",
    ]);
  });

  it("names what it can when axle.yaml cannot be read", () => {
    expect(contractFilesOf("a: [", ["axle.yaml", "clusters/a.yaml", "app.yaml"])).toEqual(["app.yaml", "axle.yaml"]);
    expect(contractFilesOf(undefined, ["app.yaml"])).toEqual(["app.yaml"]);
  });
});

describe("readContract", () => {
  it("reads every field of a Fleet, a Cluster and an App", () => {
    const contract = read({
      "axle.yaml": `${FLEET}spec:
  clusterFiles: ["clusters/*.yaml"]
  defaults:
    sync: { selfHeal: false, timeout: 1h30m }
`,
      "clusters/eu.yaml": `apiVersion: axle.dev/v1
kind: Cluster
metadata: { name: eu-prod-1, labels: { env: prod, ring: "2" } }
spec: { values: { domain: eu.example.com, replicas: 6 } }
`,
      "apps/web/values-eu.yaml": "a: 1",
      "apps/web/app.yaml": app(
        "podinfo",
        `source: { path: ./manifests }
namespace: podinfo
clusters:
  matchLabels: { env: prod }
  matchExpressions: [{ key: region, operator: In, values: [eu, us] }]
  exclude: { names: [eu-prod-9] }
values: { a: 1 }
overrides:
  - clusters: { matchLabels: { region: eu } }
    path: /overlays/eu
    values: { replicaCount: 6 }
    valuesFiles: [values-eu.yaml]
    patches: [{ target: { kind: Deployment }, patch: "x" }]
substitute: { DOMAIN: cluster.values.domain }
dependsOn: [cert-manager]
sync: { prune: false }`,
      ),
    });
    expect(contract.problems).toEqual([]);
    expect(contract.clusterFiles).toMatchObject([
      { name: "eu-prod-1", labels: { env: "prod", ring: "2" }, values: { domain: "eu.example.com", replicas: 6 } },
    ]);
    expect(contract.apps).toMatchObject([
      {
        name: "podinfo",
        settings: {
          sync: { mode: "auto", prune: false, selfHeal: false, force: false, timeoutMs: 5_400_000 },
          dependsOn: ["cert-manager"],
          namespace: "podinfo",
        },
        substitute: { DOMAIN: "cluster.values.domain" },
        placements: [
          {
            path: "apps/web/manifests",
            namespace: "podinfo",
            clusters: {
              all: false,
              matchLabels: { env: "prod" },
              matchExpressions: [{ key: "region", operator: "In", values: ["eu", "us"] }],
              exclude: { names: ["eu-prod-9"] },
            },
            overrides: [{ path: "overlays/eu", valuesFiles: ["apps/web/values-eu.yaml"], values: { replicaCount: 6 } }],
          },
        ],
      },
    ]);
  });

  it("reads when and how things go, and which fields are others' to set", () => {
    const of = (axle: string, spec: string) => {
      const contract = read({
        "axle.yaml": `${FLEET}spec:\n  defaults: { sync: ${axle} }\n`,
        "a/app.yaml": app("web", `${PLAIN_SPEC}\n${spec}`),
      });
      expect(contract.problems).toEqual([]);
      return contract.apps[0]?.settings;
    };
    expect(of("{}", "sync: { prune: before, deletion: orphan }")?.sync).toMatchObject({
      prune: true,
      pruneFirst: true,
      deletion: "orphan",
    });
    expect(of("{ prune: before }", "sync: { selfHeal: true }")?.sync).toMatchObject({ prune: true, pruneFirst: true });
    for (const prune of [true, false]) {
      const sync = of("{ prune: before }", `sync: { prune: ${prune} }`)?.sync;
      expect(sync?.prune).toBe(prune);
      expect(sync).not.toHaveProperty("pruneFirst");
    }
    const text = "spec.containers.filter(c, c.name == 'x').map(c, c.image)";
    expect(of("{}", `ignoreDifferences: [{ kind: Pod, celPaths: ["${text}"] }]`)?.ignoreDifferences).toEqual([
      { kind: "Pod", celPaths: [text] },
    ]);
  });

  it("takes a Fleet with nothing in it", () => {
    expect(read({ "axle.yaml": FLEET })).toMatchObject({ fleet: { name: "acme" }, apps: [], problems: [] });
  });

  it("refuses a repository without axle.yaml and names a file that was meant", () => {
    const contract = read({ "deploy/axle.yml": FLEET });
    expect(refusesCommit(contract.problems)).toBe(true);
    expect(contract.problems.map(formatProblem)).toEqual([
      "axle.yaml: the repository has no axle.yaml at its root; deploy/axle.yml is not it: move it there",
    ]);
  });

  it("passes over files that are named like App files and hold something else", () => {
    const contract = read({
      "axle.yaml": FLEET,
      "web/app.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\n",
      "kapp/app.yaml": "apiVersion: kappctrl.k14s.io/v1alpha1\nkind: App\nmetadata: { name: x }\n",
      "tmpl/app.yaml": "{{ if .Values.x }}\na: b\n{{ end }}\n",
    });
    expect(contract.problems).toEqual([]);
    expect(contract.apps).toEqual([]);
  });

  it("is the same whatever the order of the files (files, apps, problems)", () => {
    const files: Files = {
      "axle.yaml": `${FLEET}spec: { layout: [{ path: "apps/{app}", clusters: { all: true } }] }`,
      "apps/web/x.yaml": "",
      "apps/api/x.yaml": "",
      "a/app.yaml": app("one", PLAIN_SPEC),
      "b/app.yaml": app("one", PLAIN_SPEC),
      "c/app.yaml": app("two", "source: {}\nclusters: {}"),
    };
    const expected = read(files);
    fc.assert(
      fc.property(fc.shuffledSubarray(Object.entries(files), { minLength: Object.keys(files).length }), (shuffled) => {
        expect(read(Object.fromEntries(shuffled))).toEqual(expected);
      }),
    );
  });
});

describe("S3: a contract that does not parse refuses the commit, naming file, line, field and remedy", () => {
  it.each<[string, Files, string]>([
    [
      "a field that does not exist",
      { "axle.yaml": `${FLEET}spec:\n  clusterfile: []\n` },
      'axle.yaml:5:3: spec.clusterfile: unknown field; did you mean "clusterFiles"?',
    ],
    [
      "a field in the wrong place",
      { "a/app.yaml": app("web", `${PLAIN_SPEC}\nrepository: x`) },
      "a/app.yaml:7:3: spec.repository: unknown field; it belongs at spec.source.chart.repository",
    ],
    [
      "an expression that selects nothing",
      { "a/app.yaml": app("web", `${PLAIN_SPEC}\nignoreDifferences: [{ celPaths: ["spec.replicas == 3"] }]`) },
      'a/app.yaml:7:36: spec.ignoreDifferences[0].celPaths[0]: no CEL expression that selects fields: "spec.replicas == 3" leads to no field',
    ],
    ["text that is no YAML", { "axle.yaml": "kind: [" }, "axle.yaml:1:8: flow sequence in block collection must be"],
    [
      "tabs",
      { "a/app.yaml": "apiVersion: axle.dev/v1\nkind: App\nspec:\n\tsource: x" },
      "a/app.yaml:4:1: tabs are not allowed as indentation; indent with spaces",
    ],
    [
      "a key that is there twice",
      { "a/app.yaml": "apiVersion: axle.dev/v1\nkind: App\nkind: App\n" },
      'a/app.yaml:3:1: the key "kind" is already in this mapping',
    ],
    [
      "an App without a source",
      { "a/app.yaml": app("web", "clusters: { all: true }") },
      "a/app.yaml:4:1: spec.source: missing; say where its objects are, for example path: ./manifests",
    ],
    [
      "an App without clusters",
      { "a/app.yaml": app("web", "source: { path: . }") },
      "a/app.yaml:4:1: spec.clusters: missing; say which clusters, for example matchLabels: { env: prod }, or all: true",
    ],
    [
      "a selector that selects nothing",
      { "a/app.yaml": app("web", "source: { path: . }\nclusters: { matchLabels: {} }") },
      "a/app.yaml:6:13: spec.clusters: selects nothing; give matchLabels, matchExpressions or names, or write all: true",
    ],
    [
      "a selector of facts alone",
      { "a/app.yaml": app("web", "source: { path: . }\nclusters: { matchLabels: { facts.axle.dev/provider: eks } }") },
      "spec.clusters: facts can only narrow a match",
    ],
    [
      "a label that is a fact",
      {
        "axle.yaml": `${FLEET}spec: { clusterFiles: [c.yaml] }`,
        "c.yaml":
          "apiVersion: axle.dev/v1\nkind: Cluster\nmetadata: { name: a, labels: { facts.axle.dev/provider: eks } }",
      },
      'metadata.labels.facts.axle.dev/provider: "facts.axle.dev/provider" is a fact',
    ],
    [
      "a number where text belongs",
      { "a/app.yaml": app("web", "source: { path: . }\nclusters: { matchLabels: { ring: 2 } }") },
      "a/app.yaml:6:36: spec.clusters.matchLabels.ring: found the number 2, expected text; put it in quotes",
    ],
    [
      "a country that is a boolean",
      { "a/app.yaml": app("web", "source: { path: . }\nclusters: { matchLabels: { country: no } }") },
      "found the boolean false, expected text; put it in quotes",
    ],
    [
      "a path that leaves the repository",
      { "a/app.yaml": app("web", "source: { path: ../../x }\nclusters: { all: true }") },
      'a/app.yaml:5:13: spec.source.path: "../../x" leaves the repository; write a path inside it',
    ],
    [
      "a layout path that leaves the repository",
      { "axle.yaml": `${FLEET}spec: { layout: [{ path: "../{app}", clusters: { all: true } }] }` },
      'spec.layout[0].path: "../{app}" leaves the repository',
    ],
    [
      "two Apps of one name",
      { "a/app.yaml": app("web", PLAIN_SPEC), "b/app.yaml": app("web", PLAIN_SPEC) },
      'b/app.yaml:1:1: metadata.name: an App named "web" is already declared at a/app.yaml:1:1; names are unique in a fleet',
    ],
    [
      "two Clusters of one name",
      {
        "axle.yaml": `${FLEET}spec: { clusterFiles: ["*.c.yaml"] }`,
        "a.c.yaml": "apiVersion: axle.dev/v1\nkind: Cluster\nmetadata: { name: a }",
        "b.c.yaml": "apiVersion: axle.dev/v1\nkind: Cluster\nmetadata: { name: a }",
      },
      'b.c.yaml:1:1: metadata.name: a Cluster named "a" is already declared at a.c.yaml:1:1',
    ],
    [
      "an app name that is no DNS label",
      { "a/app.yaml": app("Web_1", PLAIN_SPEC) },
      'a/app.yaml:3:19: metadata.name: "Web_1" is no DNS label',
    ],
    [
      "a fact that no agent says",
      {
        "a/app.yaml": app(
          "web",
          "source: { path: . }\nclusters: { all: true, exclude: { matchLabels: { facts.axle.dev/cloud: aws } } }",
        ),
      },
      'a/app.yaml:6:52: spec.clusters.exclude.matchLabels.facts.axle.dev/cloud: there is no fact "facts.axle.dev/cloud"; there are facts.axle.dev/provider, facts.axle.dev/kubernetes-version and facts.axle.dev/kubernetes-minor',
    ],
    [
      "a merge that was not finished",
      { "a/app.yaml": `${app("web", PLAIN_SPEC)}<<<<<<< HEAD\n=======\n>>>>>>> theirs\n` },
      "a/app.yaml:7:1: the marks of a merge conflict stand here; resolve it",
    ],
    [
      "an apiVersion with a typing error: an App nobody can read must not look deleted",
      { "a/app.yaml": app("web", PLAIN_SPEC).replace("axle.dev", "axel.dev") },
      'a/app.yaml:1:13: apiVersion: found the text "axel.dev/v1", expected axle.dev/v1',
    ],
    [
      "an apiVersion that is missing",
      { "a/app.yaml": app("web", PLAIN_SPEC).replace("apiVersion: axle.dev/v1\n", "") },
      "a/app.yaml:1:1: apiVersion: missing, expected axle.dev/v1",
    ],
    [
      "a kind that is none of ours",
      { "a/app.yaml": app("web", PLAIN_SPEC).replace("kind: App", "kind: Application") },
      'a/app.yaml:2:7: kind: found the text "Application", expected Fleet, Cluster or App',
    ],
    [
      "a kind that is still to come",
      { "a/app.yaml": "apiVersion: axle.dev/v1\nkind: Project\n" },
      "a/app.yaml:2:7: kind: Project is not supported yet by this version; remove it",
    ],
    [
      "something else in a cluster file",
      {
        "axle.yaml": `${FLEET}spec: { clusterFiles: [c.yaml] }`,
        "c.yaml": "apiVersion: v1\nkind: ConfigMap\n",
      },
      'c.yaml:1:13: apiVersion: found the text "v1", expected axle.dev/v1; spec.clusterFiles of axle.yaml takes this file in, which may hold nothing but Clusters',
    ],
    [
      "a capture nobody captured",
      {
        "axle.yaml": `${FLEET}spec: { layout: [{ path: "apps/{app}", clusters: { matchLabels: { env: "{env}" } } }] }`,
      },
      "spec.layout[0].clusters: {env} stands for nothing: the path captures {app}",
    ],
    [
      "a layout without an identity",
      { "axle.yaml": `${FLEET}spec: { layout: [{ path: "apps/{env}", clusters: { all: true } }] }` },
      "spec.layout[0].path: no name for the app: capture {app} in the path, or write app: <name>",
    ],
    [
      "half a segment as a capture",
      { "axle.yaml": `${FLEET}spec: { layout: [{ path: "apps/web-{app}", clusters: { all: true } }] }` },
      'spec.layout[0].path: "web-{app}" is no capture',
    ],
    [
      "a capture that is there twice",
      { "axle.yaml": `${FLEET}spec: { layout: [{ path: "{app}/{app}", clusters: { all: true } }] }` },
      "spec.layout[0].path: {app} is captured twice",
    ],
    [
      "a folder whose name cannot be an app's",
      {
        "axle.yaml": `${FLEET}spec: { layout: [{ path: "apps/{app}", clusters: { all: true } }] }`,
        "apps/My_App/x.yaml": "",
      },
      'the folder apps/My_App does not fit: as the app\'s name, "My_App" is no DNS label',
    ],
    [
      "a duration that is none",
      { "a/app.yaml": app("web", `${PLAIN_SPEC}\nsync: { timeout: 5 minutes }`) },
      'spec.sync.timeout: "5 minutes" is no duration; write for example 90s, 5m or 1h30m',
    ],
    [
      "a substitution that leads nowhere",
      { "a/app.yaml": app("web", `${PLAIN_SPEC}\nsubstitute: { DOMAIN: values.domain }`) },
      'spec.substitute.DOMAIN: "values.domain" leads nowhere',
    ],
  ])("%s", (_title, files, expected) => {
    const contract = read({ "axle.yaml": FLEET, ...files });
    expect(refusesCommit(contract.problems)).toBe(true);
    expect(contract.problems.map(formatProblem).join("\n")).toContain(expected);
  });
});

describe("an App that cannot move, while the others can", () => {
  it("names a values file that is not there", () => {
    const files = {
      "axle.yaml": FLEET,
      "a/values.yaml": "",
      "a/app.yaml": app("web", `${PLAIN_SPEC}\nvaluesFiles: [value.yaml]`),
    };
    expect(read(files).problems).toMatchObject([{ code: "source", app: "web", severity: "error" }]);
    expect(messagesOf(files)).toEqual([
      'a/app.yaml:7:17: spec.valuesFiles[0]: there is no file a/value.yaml; did you mean "values.yaml"?',
    ]);
  });

  it.each([
    ["{ path: ./manifests, ref: v1.0.0 }", ".axle/sources/ref/v1.0.0/a/manifests"],
    ["{ path: /deploy, ref: refs/heads/next }", ".axle/sources/ref/refs%2Fheads%2Fnext/deploy"],
    [
      "{ git: { url: https://git.example.com/x.git, ref: main }, path: deploy/web }",
      ".axle/sources/git/https%3A%2F%2Fgit.example.com%2Fx.git/main/deploy/web",
    ],
    ["{ git: { url: git@git.example.com:x.git, ref: v2 } }", ".axle/sources/git/git%40git.example.com%3Ax.git/v2"],
  ])("may take its folder from elsewhere: %s", (source, path) => {
    const contract = read({
      "axle.yaml": FLEET,
      "a/app.yaml": app("web", `source: ${source}\nclusters: { all: true }`),
    });
    expect(contract.problems).toEqual([]);
    expect(contract.apps).toMatchObject([{ placements: [{ path }] }]);
  });

  it("may take it from another ref on some clusters, with the same path or another", () => {
    const overrides =
      "overrides:\n- { clusters: { names: [a] }, ref: v2 }\n- { clusters: { names: [b] }, path: other, ref: v3 }\n- { clusters: { names: [c] }, path: more }";
    const source = "source: { path: manifests, ref: v1 }\nclusters: { all: true }";
    const contract = read({ "axle.yaml": FLEET, "a/app.yaml": app("web", `${source}\n${overrides}`) });
    expect(contract.problems).toEqual([]);
    expect(contract.apps[0]?.placements[0]?.overrides.map(({ path }) => path)).toEqual([
      ".axle/sources/ref/v2/a/manifests",
      ".axle/sources/ref/v3/a/other",
      ".axle/sources/ref/v1/a/more",
    ]);
  });

  it.each([
    ["{ git: { url: 'file:///etc', ref: x } }", "no address of a Git repository"],
    ["{ git: { url: 'https://me:secret@git.example.com/x', ref: x } }", "holds credentials"],
    ["{ git: { url: 'https://git.example.com/x', ref: v1 }, ref: v2 }", "gives ref beside git"],
    ["{ path: ., ref: 'a b' }", "cannot be the name of a branch or tag"],
    ["{ chart: { repository: 'https://x.example.com', name: a, version: '>=1' } }", "no exact version"],
    ["{ chart: { repository: 'ftp://x', name: a, version: 1.0.0 } }", "no chart repository"],
    ["{ path: ., chart: { repository: 'https://x', name: a, version: 1.0.0 } }", "a chart and something else"],
    ["{ ref: v1 }", "names no source"],
    ["{ git: { url: 'https://git.example.com/x', ref: v1 }, path: ../.. }", "leaves the repository"],
  ])("S3: refuses the source %s", (source, words) => {
    const contract = read({
      "axle.yaml": FLEET,
      "a/app.yaml": app("web", `source: ${source}\nclusters: { all: true }`),
    });
    expect(contract.problems.map(({ message }) => message).join()).toContain(words);
    expect(refusesCommit(contract.problems)).toBe(true);
  });

  it("may take a chart from a chart repository", () => {
    const files = {
      "axle.yaml": FLEET,
      "a/app.yaml": app(
        "web",
        "source: { chart: { repository: https://x, name: podinfo, version: 1.2.3 } }\nclusters: { all: true }",
      ),
    };
    const contract = read(files);
    expect(refusesCommit(contract.problems)).toBe(false);
    expect(contract.problems).toEqual([]);
    const path = ".axle/sources/chart/https%3A%2F%2Fx/podinfo/1.2.3";
    expect(contract.apps).toMatchObject([{ name: "web", placements: [{ path }] }]);
  });
});

it("says of a field that is misspelt that it is, and not that it is missing as well", () => {
  expect(
    messagesOf({ "axle.yaml": FLEET, "a/app.yaml": app("a", "sources: { path: . }\ncluster: { all: true }") }),
  ).toEqual([
    'a/app.yaml:5:3: spec.sources: unknown field; did you mean "source"?',
    'a/app.yaml:6:3: spec.cluster: unknown field; did you mean "clusters"?',
  ]);
});

it("says on which line a glob stands that matches nothing", () => {
  const fleet = `${FLEET}spec:\n  clusterFiles:\n    - axle.yaml\n    - "clusterz/*.yaml"\n`;
  expect(messagesOf({ "axle.yaml": fleet })).toEqual([
    "axle.yaml:7:7: spec.clusterFiles: no file matches clusterz/*.yaml",
  ]);
});
