import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FleetPipeline } from "./fleet-pipeline.test-support.ts";
import type { Moment } from "./fleet-pipeline.test-support.ts";
import type { Registration } from "./merge-clusters.ts";

const ENVS = ["dev", "prod"];
const FLEET = `apiVersion: axle.dev/v1
kind: Fleet
metadata: { name: acme }
spec:
  clusterFiles: ["clusters/*.yaml"]
  layout:
    - path: apps/{app}/{env}
      namespace: x
      clusters: { matchLabels: { env: "{env}" } }
`;

const env = fc.constantFrom(...ENVS);
const manifests = fc.oneof(
  { weight: 6, arbitrary: fc.subarray(["one", "two", "three"]).map((names) => names.join("\n")) },
  { weight: 1, arbitrary: fc.constant("broken") },
);
const appFiles = fc.dictionary(
  fc.tuple(fc.constantFrom("api", "db", "web"), env).map(([app, where]) => `apps/${app}/${where}/objects.yaml`),
  manifests,
);
const clusterFiles = fc.dictionary(
  fc.constantFrom("a", "b", "c").map((name) => `clusters/${name}.yaml`),
  env,
);
const registration = (name: string): fc.Arbitrary<Registration> =>
  fc
    .record({ labelled: env, kubernetesVersion: fc.constantFrom("", "1.30.0", "1.37.0") })
    .map(({ labelled, kubernetesVersion }): Registration => ({
      id: `id-${name}`,
      name,
      labels: { env: labelled },
      facts: { kubernetesVersion, provider: "", nodes: 1, apiVersions: [] },
    }));
/** Those of before stay the same objects, as in the hub, when nothing was said of them. */
const registrations = fc.record({ a: registration("a"), b: registration("b"), c: registration("c") });
const known = fc.subarray(["a", "b", "c"] as const);
const approvals = fc
  .subarray(["a", "b"])
  .map((names) => new Map(names.map((name) => [`id-${name}`, [{ id: "1", app: "api", hash: "h", expiresAtMs: 1 }]])));

const moment: fc.Arbitrary<Moment> = fc
  .record({ apps: appFiles, clusters: clusterFiles, all: registrations, known, approvals })
  .map(({ apps, clusters, all, known: names, approvals: given }) => ({
    files: new Map([
      ["axle.yaml", FLEET],
      ...Object.entries(apps),
      ...Object.entries(clusters).map(([path, label]): [string, string] => [path, clusterFile(path, label)]),
    ]),
    registrations: names.map((name) => all[name]),
    approvals: given,
  }));

function clusterFile(path: string, label: string): string {
  const name = path.slice("clusters/".length, -".yaml".length);
  return `apiVersion: axle.dev/v1\nkind: Cluster\nmetadata: { name: ${name}, labels: { env: ${label} } }\n`;
}

/** Mostly small steps: parts of each moment stay as they were in the one before. */
const history = fc
  .array(fc.record({ moment, keep: fc.subarray(["files", "registrations", "approvals"] as const) }), {
    minLength: 1,
    maxLength: 8,
  })
  .map((steps) => {
    const moments: Moment[] = [];
    for (const { moment: next, keep } of steps) {
      const before = moments.at(-1) ?? next;
      moments.push({
        files: keep.includes("files") ? before.files : next.files,
        registrations: keep.includes("registrations") ? before.registrations : next.registrations,
        approvals: keep.includes("approvals") ? before.approvals : next.approvals,
      });
    }
    return moments;
  });

describe("the cycle over random histories of files, clusters and approvals", { timeout: 60_000 }, () => {
  it("finds with what it remembers just what it finds without", () => {
    fc.assert(
      fc.property(history, (moments) => {
        const remembering = new FleetPipeline({ forgetful: false });
        const forgetful = new FleetPipeline({ forgetful: true });
        for (const each of moments) {
          const one = remembering.turn(each);
          const other = forgetful.turn(each);
          expect(one.resolution).toEqual(other.resolution);
          expect(one.plan).toEqual(other.plan);
          expect(one.slices).toEqual(other.slices);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("comes to the same slices whatever the order of files and clusters", () => {
    fc.assert(
      fc.property(history, (moments) => {
        const forwards = new FleetPipeline({ forgetful: false });
        const backwards = new FleetPipeline({ forgetful: false });
        for (const each of moments) {
          const turned: Moment = {
            files: new Map([...each.files].toReversed()),
            registrations: each.registrations.toReversed(),
            approvals: new Map([...each.approvals].toReversed()),
          };
          const one = forwards.turn(each);
          const other = backwards.turn(turned);
          expect(other.slices).toEqual(one.slices);
          expect(other.plan).toEqual(one.plan);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("L4: a moment that comes again changes no record, and every slice is the very same object", () => {
    fc.assert(
      fc.property(history, (moments) => {
        const pipeline = new FleetPipeline({ forgetful: false });
        for (const each of moments) {
          pipeline.turn(each);
          const once = pipeline.turn(each);
          const again = pipeline.turn(each);
          expect(again.plan.records).toEqual([]);
          for (const [cluster, content] of again.slices) expect(content).toBe(once.slices.get(cluster));
        }
      }),
      { numRuns: 30 },
    );
  });

  it("a cluster that matches nothing changes nothing for the others", () => {
    fc.assert(
      fc.property(history, (moments) => {
        const alone = new FleetPipeline({ forgetful: false });
        const joined = new FleetPipeline({ forgetful: false });
        const facts = { kubernetesVersion: "1.37.0", provider: "", nodes: 1, apiVersions: [] };
        const stranger: Registration = { id: "id-z", name: "z", labels: { env: "none" }, facts };
        for (const each of moments) {
          const one = alone.turn(each);
          const other = joined.turn({ ...each, registrations: [...each.registrations, stranger] });
          expect(other.slices.get("id-z")?.apps).toEqual([]);
          for (const [cluster, content] of one.slices) expect(other.slices.get(cluster)).toEqual(content);
        }
      }),
      { numRuns: 60 },
    );
  });
});
