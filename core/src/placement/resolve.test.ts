import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FleetCluster } from "../fleet/cluster.ts";
import type { Contract } from "../fleet/contract.ts";
import { contractFilesOf, readContract } from "../fleet/parse-contract.ts";
import { formatProblem } from "../fleet/problem.ts";
import type { Resolution } from "./resolution.ts";
import { foldersToInspect, resolve } from "./resolve.ts";
import type { SourceInfo, Target } from "./variant.ts";

const FLEET = "apiVersion: axle.dev/v1\nkind: Fleet\nmetadata: { name: acme }\n";

function contractOf(files: Readonly<Record<string, string>>): Contract {
  const all = new Map(Object.entries({ "axle.yaml": FLEET, ...files }));
  const needed = contractFilesOf(all.get("axle.yaml"), all.keys());
  const contract = readContract({
    paths: all.keys(),
    texts: new Map(needed.map((path) => [path, all.get(path) ?? ""])),
  });
  expect(contract.problems.filter(({ app, severity }) => app === undefined && severity === "error")).toEqual([]);
  return contract;
}

function app(name: string, spec: string): string {
  return `apiVersion: axle.dev/v1\nkind: App\nmetadata: { name: ${name} }\nspec:\n${spec.replaceAll(/^/gm, "  ")}\n`;
}

function cluster(name: string, labels: Record<string, string> = {}, more: Partial<FleetCluster> = {}): FleetCluster {
  const facts = { kubernetesVersion: "", provider: "", nodes: 0, apiVersions: [] };
  return { id: `id-${name}`, name, labels, values: {}, facts, ...more };
}

const RAW: SourceInfo = { type: "raw", asksCapabilities: false };
const HELM: SourceInfo = { type: "helm", asksCapabilities: false };
const DEV = cluster("dev", { env: "dev" });
const EU = cluster("eu", { env: "prod", region: "eu" }, { values: { replicas: 6, image: { tag: "1", pull: "x" } } });
const US = cluster("us", { env: "prod", region: "us" });
const CLUSTERS = [DEV, EU, US];

/** Every folder holds a source of this type unless `sources` says otherwise. */
function resolveAll(
  contract: Contract,
  { clusters = CLUSTERS, source = RAW as SourceInfo | undefined } = {},
): Resolution {
  return resolve({
    contract,
    clusters,
    sources: new Map(foldersToInspect(contract).map((folder) => [folder, source])),
  });
}

/** App -> cluster name -> what it gets. */
function outcome(resolution: Resolution): Readonly<Record<string, Readonly<Record<string, Target>>>> {
  return Object.fromEntries([...resolution.apps].map(([name, { targets }]) => [name, Object.fromEntries(targets)]));
}

describe("resolve", () => {
  it("gives every cluster that matches its variant, and says why and where that is written", () => {
    const contract = contractOf({
      "axle.yaml": `${FLEET}spec:\n  layout:\n    - path: apps/{app}/overlays/{env}\n      clusters: { matchLabels: { env: "{env}" } }\n`,
      "apps/web/overlays/dev/x.yaml": "",
      "apps/web/overlays/prod/x.yaml": "",
    });
    const resolution = resolveAll(contract);
    expect(resolution.problems).toEqual([]);
    expect(foldersToInspect(contract)).toEqual(["apps/web/overlays/dev", "apps/web/overlays/prod"]);
    const web = resolution.apps.get("web");
    expect([...(web?.variants.values() ?? [])].map(({ path }) => path)).toEqual([
      "apps/web/overlays/dev",
      "apps/web/overlays/prod",
    ]);
    expect(outcome(resolution)["web"]).toMatchObject({
      "id-dev": { because: "env=dev", placedBy: { file: "axle.yaml", line: 7 } },
      "id-eu": { because: "env=prod" },
      "id-us": { because: "env=prod" },
    });
    expect(web?.targets.get("id-eu")?.variant).toBe(web?.targets.get("id-us")?.variant);
  });

  it("applies every override that matches, in order", () => {
    const contract = contractOf({
      "web/eu.yaml": "",
      "web/prod.yaml": "",
      "web/app.yaml": app(
        "web",
        `source: { path: chart }
clusters: { all: true }
namespace: web
values: { a: 1, deep: { p: 1, q: 1 } }
overrides:
  - clusters: { matchLabels: { env: prod } }
    values: { deep: { q: 2 }, list: [1] }
    valuesFiles: [prod.yaml]
  - clusters: { matchLabels: { region: eu } }
    path: chart-eu
    namespace: web-eu
    values: { deep: { r: 3 }, list: [2], a: null }
    valuesFiles: [eu.yaml]
    patches: [{ patch: p }]`,
      ),
    });
    const { apps, problems } = resolveAll(contract, { source: HELM });
    expect(problems).toEqual([]);
    const variantOn = (id: string) => {
      const web = apps.get("web");
      return web?.variants.get(web.targets.get(id)?.variant ?? "");
    };
    expect(variantOn("id-dev")).toEqual({
      app: "web",
      path: "web/chart",
      namespace: "web",
      values: [{ a: 1, deep: { p: 1, q: 1 } }],
      patches: [],
    });
    expect(variantOn("id-us")).toMatchObject({
      path: "web/chart",
      values: [{ a: 1, deep: { p: 1, q: 1 } }, "web/prod.yaml", { deep: { q: 2 }, list: [1] }],
    });
    expect(variantOn("id-eu")).toEqual({
      app: "web",
      path: "web/chart-eu",
      namespace: "web-eu",
      values: [
        { replicas: 6, image: { tag: "1", pull: "x" }, a: 1, deep: { p: 1, q: 1 } },
        "web/prod.yaml",
        { deep: { q: 2 }, list: [1] },
        "web/eu.yaml",
        { deep: { r: 3 }, list: [2], a: null },
      ],
      patches: [{ patch: "p" }],
    });
  });

  it("merges the cluster's values under the App's for charts, and leaves them out elsewhere", () => {
    const contract = contractOf({
      "web/app.yaml": app("web", "source: { path: . }\nclusters: { all: true }\nvalues: { image: { tag: '2' } }"),
    });
    const helm = resolveAll(contract, { source: HELM, clusters: [EU] });
    expect([...(helm.apps.get("web")?.variants.values() ?? [])][0]?.values).toEqual([
      { replicas: 6, image: { tag: "2", pull: "x" } },
    ]);
    const raw = resolveAll(contract, { source: RAW });
    expect(raw.apps.get("web")?.variants.size).toBe(1);
    expect(raw.problems).toMatchObject([{ severity: "warning", code: "ignored", app: "web" }]);
  });

  it("gives the Helm release the name the App says, the app's own being the rule, and says where there is none", () => {
    const contractWith = (releaseName: string) =>
      contractOf({
        "web/app.yaml": app("web", `source: { path: . }\nclusters: { all: true }\nreleaseName: ${releaseName}`),
      });
    const released = (releaseName: string) =>
      [...(resolveAll(contractWith(releaseName), { source: HELM }).apps.get("web")?.variants.values() ?? [])][0]
        ?.releaseName;
    expect(released("shop")).toBe("shop");
    expect(released("web")).toBeUndefined();
    expect(resolveAll(contractWith("shop"), { source: RAW }).problems).toMatchObject([
      { severity: "warning", code: "ignored", field: "spec.releaseName" },
    ]);
  });

  it("makes capabilities part of the variant only for charts that ask, once the agent said them", () => {
    const contract = contractOf({ "web/app.yaml": app("web", "source: { path: . }\nclusters: { all: true }") });
    const facts = { kubernetesVersion: "v1.37.0", provider: "", nodes: 1, apiVersions: ["v1/Pod"] };
    const clusters = [cluster("a", {}, { facts }), cluster("b", {}, { facts: { ...facts, nodes: 9 } }), cluster("c")];
    const asking = resolveAll(contract, { source: { type: "helm", asksCapabilities: true }, clusters });
    expect([...(asking.apps.get("web")?.variants.values() ?? [])].map(({ capabilities }) => capabilities)).toEqual([
      { kubernetesVersion: "v1.37.0", apiVersions: ["v1/Pod"] },
      undefined,
    ]);
    expect(resolveAll(contract, { source: HELM, clusters }).apps.get("web")?.variants.size).toBe(1);
    const more = cluster("d", {}, { facts: { ...facts, apiVersions: ["v1/Pod", "v1/Secret"] } });
    const source = { type: "helm", asksCapabilities: false, asksVersion: true } as const;
    const versioned = resolveAll(contract, { source, clusters: [...clusters, more] });
    expect([...(versioned.apps.get("web")?.variants.values() ?? [])].map(({ capabilities }) => capabilities)).toEqual([
      { kubernetesVersion: "v1.37.0", apiVersions: [] },
      undefined,
    ]);
  });

  it("an app whose substituted values no record could hold is in error, with the clusters it is about", () => {
    const contract = contractOf({
      "web/app.yaml": app(
        "web",
        "source: { path: . }\nclusters: { all: true }\nsubstitute: { BIG: cluster.values.big }",
      ),
    });
    const of = (count: number, characters: number) =>
      resolveAll(contract, {
        clusters: Array.from({ length: count }, (_, index) =>
          cluster(`c${index}`, {}, { values: { big: "x".repeat(characters) } }),
        ),
      }).problems.map(({ message }) => message);
    expect(of(2, 1_000)).toEqual([]);
    expect(of(2, 200_000)).toEqual([
      expect.stringMatching(/^the values .* on cluster "c0" and 1 more take more than 131072/),
    ]);
    expect(of(60, 100_000)).toEqual([
      expect.stringMatching(/and 7 more take more than 5242880 .* together; shorten them/),
    ]);
  });

  it("resolves substitutions from the cluster", () => {
    const contract = contractOf({
      "web/app.yaml": app(
        "web",
        "source: { path: . }\nclusters: { names: [eu] }\nsubstitute: { NAME: cluster.name, I: cluster.id, R: cluster.labels.region, T: cluster.values.image.tag, C: cluster.values.replicas }",
      ),
    });
    expect(outcome(resolveAll(contract))["web"]?.["id-eu"]?.substitutions).toEqual({
      NAME: "eu",
      I: "id-eu",
      R: "eu",
      T: "1",
      C: 6,
    });
  });

  it("warns of a selector that reaches no cluster, and guesses what was meant", () => {
    const contract = contractOf({
      "a/app.yaml": app("a", "source: { path: . }\nclusters: { matchLabels: { env: prd } }"),
      "b/app.yaml": app("b", "source: { path: . }\nclusters: { matchLabels: { environment: prod } }"),
      "c/app.yaml": app("c", "source: { path: . }\nclusters: { names: [eux] }"),
    });
    const resolution = resolveAll(contract);
    expect(resolution.problems.map(formatProblem)).toEqual([
      "a/app.yaml:6:3: no cluster matches env=prd; env is dev, prod on the clusters there are",
      "b/app.yaml:6:3: no cluster matches environment=prod; no cluster has the label environment",
      'c/app.yaml:6:3: no cluster matches name in (eux); no cluster is named "eux"; did you mean "eu"?',
    ]);
    expect([...resolution.apps.keys()]).toEqual(["a", "b", "c"]);
    expect(resolveAll(contract, { clusters: [] }).problems).toEqual([]);
  });
});

describe("a part of a selector that can only be a mistake is a warning", () => {
  const warningsOf = (spec: string): readonly string[] =>
    resolveAll(contractOf({ "a/app.yaml": app("a", `source: { path: . }\n${spec}`) })).problems.map(formatProblem);

  it("an override that applies on none of the app's clusters", () => {
    expect(
      warningsOf(
        'clusters: { matchLabels: { env: prod } }\noverrides:\n  - { clusters: { matchLabels: { env: porduction } }, namespace: x }\n  - { clusters: { matchLabels: { region: eu } }, namespace: "n" }\n  - { clusters: { names: [dev] }, namespace: z }',
      ),
    ).toEqual([
      "a/app.yaml:8:9: this override applies nowhere: no cluster of the app matches env=porduction; env is dev, prod on the clusters there are",
      "a/app.yaml:10:9: this override applies nowhere: no cluster of the app matches name in (dev)",
    ]);
  });

  it("a name that no cluster has, in clusters, exclude and overrides", () => {
    expect(
      warningsOf(
        "clusters: { names: [eu, uss], exclude: { names: [usw, dev2, x] } }\noverrides:\n  - { clusters: { names: [eu, euu] }, namespace: x }",
      ),
    ).toEqual([
      'a/app.yaml:6:3: names: no cluster is named "uss"; did you mean "us"?',
      'a/app.yaml:6:3: exclude.names: no cluster is named "usw", "dev2" or "x"',
      'a/app.yaml:8:9: names: no cluster is named "euu"; did you mean "eu"?',
    ]);
  });

  it("but not one that asks for facts, which nobody may have said yet", () => {
    expect(
      warningsOf(
        "clusters: { all: true }\noverrides:\n  - { clusters: { all: true, matchLabels: { facts.axle.dev/provider: aws } }, namespace: x }",
      ),
    ).toEqual([]);
    expect(warningsOf("clusters: { all: true, matchLabels: { facts.axle.dev/provider: aws } }")).toEqual([
      "a/app.yaml:6:3: no cluster matches facts.axle.dev/provider=aws; no agent has said facts.axle.dev/provider",
    ]);
  });
});

describe("an app that cannot be resolved does not hold the others", () => {
  const OTHER = { "other/app.yaml": app("other", "source: { path: . }\nclusters: { all: true }") };

  it("two folders of one app for one cluster: both places, and how many clusters", () => {
    const resolution = resolveAll(
      contractOf({
        ...OTHER,
        "axle.yaml": `${FLEET}spec:
  layout:
    - path: a/{app}
      clusters: { all: true }
    - path: b/{app}
      clusters: { matchLabels: { env: prod } }
`,
        "a/web/x.yaml": "",
        "b/web/x.yaml": "",
      }),
    );
    expect(resolution.problems.map(formatProblem)).toEqual([
      'axle.yaml:8:7: cluster "eu" and 1 more would get this app twice, from a/web (axle.yaml:6:7) and b/web (axle.yaml:8:7); narrow one of the selectors',
    ]);
    expect(resolution.problems).toMatchObject([{ code: "ambiguous-placement", app: "web", cluster: "eu" }]);
    expect([...resolution.apps.keys()]).toEqual(["other"]);
    expect(resolution.broken.get("web")?.clusters).toEqual(["id-dev", "id-eu", "id-us"]);
  });

  it("a folder with nothing in it", () => {
    const contract = contractOf({
      ...OTHER,
      "web/app.yaml": app("web", "source: { path: m }\nclusters: { all: true }"),
    });
    const resolution = resolve({ contract, clusters: CLUSTERS, sources: new Map([["other", RAW]]) });
    expect(resolution.problems.map(formatProblem)).toEqual([
      "web/app.yaml:5:3: web/m does not exist or holds nothing that can be rendered: no Chart.yaml, no kustomization.yaml, no manifests",
    ]);
    expect(resolution.broken.get("web")).toMatchObject({ clusters: ["id-dev", "id-eu", "id-us"] });
    expect([...resolution.apps.keys()]).toEqual(["other"]);
  });

  it("a substitution the cluster does not have: file, cluster and remedy", () => {
    const contract = contractOf({
      ...OTHER,
      "web/app.yaml": app(
        "web",
        "source: { path: . }\nclusters: { all: true }\nsubstitute: { R: cluster.values.replicas }",
      ),
    });
    const resolution = resolveAll(contract);
    expect(resolution.problems.map(formatProblem)).toEqual([
      'web/app.yaml:7:17: spec.substitute.R: ${R} is cluster.values.replicas, which is nothing on cluster "dev" and 1 more; set it in the Cluster file, or leave the cluster out',
    ]);
    expect(resolution.broken.get("web")?.reason).toContain("cluster.values.replicas");
    expect([...resolution.apps.keys()]).toEqual(["other"]);
  });

  it("a dependency nobody has, and apps that wait for each other", () => {
    const contract = contractOf({
      ...OTHER,
      "a/app.yaml": app("a", "source: { path: . }\nclusters: { all: true }\ndependsOn: [othr]"),
      "b/app.yaml": app("b", "source: { path: . }\nclusters: { all: true }\ndependsOn: [c]"),
      "c/app.yaml": app("c", "source: { path: . }\nclusters: { all: true }\ndependsOn: [b, other]"),
      "d/app.yaml": app("d", "source: { path: . }\nclusters: { all: true }\ndependsOn: [b]"),
    });
    const resolution = resolveAll(contract);
    expect(resolution.problems.map(formatProblem)).toEqual([
      'a/app.yaml:7:3: spec.dependsOn: there is no app named "othr"; did you mean "other"?',
      "b/app.yaml:7:3: spec.dependsOn: the app waits for itself: b -> c -> b; remove one of these",
      "c/app.yaml:7:3: spec.dependsOn: the app waits for itself: b -> c -> b; remove one of these",
    ]);
    expect([...resolution.apps.keys()]).toEqual(["d", "other"]);
  });

  it("an App the contract already found fault with keeps the clusters it was meant for", () => {
    const contract = contractOf({
      ...OTHER,
      "web/app.yaml": app(
        "web",
        "source: { path: . }\nvaluesFiles: [none.yaml]\nclusters: { matchLabels: { env: prod } }",
      ),
    });
    const resolution = resolveAll(contract);
    expect(resolution.broken.get("web")).toMatchObject({ clusters: ["id-eu", "id-us"] });
    expect(resolution.broken.get("web")?.reason).toContain("there is no file web/none.yaml");
  });
});

describe("resolve is exact", () => {
  const contract = contractOf({
    "axle.yaml": `${FLEET}spec:\n  layout:\n    - path: apps/{app}/{env}\n      clusters: { matchLabels: { env: "{env}" } }\n`,
    "apps/web/dev/x.yaml": "",
    "apps/web/prod/x.yaml": "",
    "apps/api/prod/x.yaml": "",
    "x/app.yaml": app(
      "x",
      "source: { path: . }\nclusters: { matchLabels: { region: eu } }\nvalues: { a: { b: 1, c: 2 } }",
    ),
  });
  const envs = fc.constantFrom("dev", "prod", "test");
  const anyCluster = fc
    .record({ name: fc.stringMatching(/^[a-z]{1,4}$/), env: envs, region: fc.constantFrom("eu", "us"), n: fc.nat(2) })
    .map(({ name, env, region, n }) => cluster(name, { env, region }, { values: { n } }));
  const anyClusters = fc.uniqueArray(anyCluster, { selector: ({ name }) => name, maxLength: 8 });

  it("the order of clusters, labels and apps never changes the outcome", () => {
    fc.assert(
      fc.property(anyClusters, fc.boolean(), (clusters, helm) => {
        const source = helm ? HELM : RAW;
        const turned = clusters.toReversed().map((one) => ({
          ...one,
          labels: Object.fromEntries(Object.entries(one.labels).reverse()),
        }));
        const expected = resolveAll(contract, { clusters, source });
        const other = resolveAll({ ...contract, apps: contract.apps.toReversed() }, { clusters: turned, source });
        expect(other).toEqual(expected);
        expect([...other.apps.keys()]).toEqual([...expected.apps.keys()]);
        for (const [name, { variants, targets }] of expected.apps) {
          expect([...(other.apps.get(name)?.variants.keys() ?? [])]).toEqual([...variants.keys()]);
          expect([...(other.apps.get(name)?.targets.keys() ?? [])]).toEqual([...targets.keys()]);
        }
      }),
    );
  });

  it("a cluster that matches nothing changes nothing", () => {
    fc.assert(
      fc.property(anyClusters, (clusters) => {
        const before = resolveAll(contract, { clusters });
        const after = resolveAll(contract, { clusters: [...clusters, cluster("stranger", { env: "none" })] });
        expect(outcome(after)).toEqual(outcome(before));
      }),
    );
  });
});
