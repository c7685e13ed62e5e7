import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Variant } from "@axle/core/placement/variant.ts";
import type { Snapshot } from "../../ports.ts";
import { below, readingChart, READING_FILES, READING_LINKS, READING_VARIANTS } from "./reading-repository.ts";
import { reduceSnapshot } from "./reduced-snapshot.ts";
import { configMap, createRepositoryFixture, variantOf, type RepositoryFixture } from "./repository-fixture.ts";

let fleet: RepositoryFixture;

beforeAll(async () => {
  fleet = await createRepositoryFixture();
});

afterAll(() => fleet[Symbol.asyncDispose]());

async function outcomeOf(snapshot: Snapshot, variant: Variant): Promise<string> {
  try {
    const { objects } = await fleet.renderer.render(snapshot, variant, fleet.signal);
    return JSON.stringify(objects.map(({ object }) => object));
  } catch (error) {
    return `fails: ${String(error)}`.replaceAll(/(reduced-\w+|tree)\//g, "");
  }
}

/** Renders with all files there, and again with those only that the key covers. */
async function expectCovered(
  snapshot: Snapshot,
  variant: Variant,
): Promise<{ outcome: string; covered: ReadonlySet<string> }> {
  const folder = join(fleet.path, "render");
  await mkdir(folder, { recursive: true });
  const reduced = await reduceSnapshot(snapshot, variant, { folder, signal: fleet.signal });
  const outcome = await outcomeOf(snapshot, variant);
  expect(await outcomeOf(reduced.snapshot, variant), variant.path).toBe(outcome);
  return { outcome, covered: reduced.covered };
}

describe("the memo key covers all that is read", () => {
  test("of every kind of source, and of every field of a kustomization that names something", async () => {
    await fleet.commit(READING_FILES);
    const snapshot = await fleet.commitLinks(READING_LINKS);
    for (const variant of READING_VARIANTS) {
      const { outcome, covered } = await expectCovered(snapshot, variant);
      expect(outcome, variant.path).not.toMatch(/^fails/);
      expect(covered.size).toBeLessThan(snapshot.files.size);
    }
  });

  test("of repositories made at random", async () => {
    const generated = fc.sample(fc.array(kustomization, { minLength: 8, maxLength: 8 }), { numRuns: 5, seed: SEED });
    const files = Object.assign({}, ...generated.map((list, set) => repositoryOf(`random/${set}`, list))) as Record<
      string,
      string
    >;
    const snapshot = await fleet.commit(files);
    let rendered = 0;
    for (const [set, list] of generated.entries()) {
      for (const position of list.keys()) {
        const { outcome } = await expectCovered(snapshot, variantOf(`random/${set}/k${position}`));
        if (!outcome.startsWith("fails")) rendered += 1;
      }
    }
    // That most of them render at all, so that the comparison says something.
    expect(rendered, `seed ${SEED}`).toBeGreaterThan(10);
  }, 60_000);
});

const SEED = Date.now() % 1_000_000;

interface Generated {
  readonly uses: readonly number[];
  readonly component: number;
  readonly parts: readonly string[];
}

const PARTS = ["file", "patch", "env", "replacement", "transformer", "generator", "chart", "home", "missing"] as const;
const kustomization = fc.record<Generated>({
  uses: fc.array(fc.nat(7), { maxLength: 2 }),
  component: fc.nat(20),
  parts: fc.subarray([...PARTS]),
});

/** Folder `k<i>` builds on folders with higher numbers only; what stands beside them is read through `..`. */
function repositoryOf(root: string, list: readonly Generated[]): Record<string, string> {
  const files: Record<string, string> = {
    ...below(`${root}/homes/shared`, readingChart("shared")),
    [`${root}/component/kustomization.yaml`]:
      "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [../extra]\n",
    [`${root}/extra/kustomization.yaml`]: "resources: [cm.yaml]\n",
    [`${root}/extra/cm.yaml`]: configMap("extra"),
    [`${root}/transformers/kustomization.yaml`]: "resources: [t.yaml]\n",
    [`${root}/transformers/t.yaml`]:
      "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: t}\nlabels: {t: x}\nfieldSpecs: [{path: metadata/labels, create: true}]\n",
  };
  for (const [position, { uses, component, parts }] of list.entries()) {
    const folder = `${root}/k${position}`;
    const has = (part: (typeof PARTS)[number]): boolean => parts.includes(part);
    const bases = [...new Set(uses)].filter((other) => other > position).map((other) => `../k${other}`);
    const resources = ["own.yaml", ...bases, ...(has("missing") && position % 3 === 0 ? ["../nowhere"] : [])];
    const charts = [
      ...(has("chart") ? [{ name: "own", releaseName: "own", valuesFile: "v.yaml" }] : []),
      ...(has("home") ? [{ name: "shared", releaseName: "shared", valuesFile: "v.yaml" }] : []),
    ];
    const text = {
      namePrefix: `p${position}-`,
      resources,
      ...(component === position && { components: ["../component"] }),
      ...(has("patch") && { patches: [{ path: "patch.json", target: { kind: "ConfigMap", name: `own${position}` } }] }),
      ...(has("env") && { configMapGenerator: [{ name: `env${position}`, namespace: "web", envs: ["e.env"] }] }),
      ...(has("file") && { secretGenerator: [{ name: `file${position}`, namespace: "web", files: ["deep/f.txt"] }] }),
      ...(has("replacement") && { replacements: [{ path: "r.yaml" }] }),
      ...(has("transformer") && { transformers: ["../transformers"] }),
      ...(has("generator") && { generators: ["g.yaml"] }),
      ...(charts.length > 0 && { helmCharts: charts, ...(has("home") && { helmGlobals: { chartHome: "../homes" } }) }),
    };
    Object.assign(
      files,
      below(folder, {
        "kustomization.yaml": JSON.stringify(text),
        "own.yaml": configMap(`own${position}`, { a: "1" }),
        "patch.json": '[{"op": "add", "path": "/data/p", "value": "1"}]',
        "e.env": "A=1\n",
        "deep/f.txt": "text",
        "v.yaml": "v: 9\n",
        "r.yaml": JSON.stringify({
          source: { kind: "ConfigMap", name: `own${position}`, fieldPath: "data.a" },
          targets: [{ select: { kind: "ConfigMap" }, fieldPaths: ["data.r"], options: { create: true } }],
        }),
        "g.yaml": `apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: made${position}, namespace: web}\nfiles: [deep/f.txt]\n`,
        ...below("charts/own", readingChart(`own-chart-${position}`)),
      }),
    );
  }
  return files;
}
