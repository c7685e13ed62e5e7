import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatLockFile, parseLockFile } from "./fleet/lock-file.ts";
import { LabelSelectorError, parseLabelSelector } from "./fleet/parse-label-selector.ts";
import { refusesCommit } from "./fleet/problem.ts";
import { readContract } from "./fleet/parse-contract.ts";
import { formatJoinToken, parseJoinToken } from "./join/join-token.ts";
import { parseManifest } from "./manifest/parse-manifest.ts";
import { parseYaml, YamlError } from "./manifest/parse-yaml.ts";

/** The same documents every time, so that CI fails for a change and not by luck; a failure prints seed and path. */
const RUN = { seed: 20_261_121, numRuns: 100 } as const;

const FLEET = `apiVersion: axle.dev/v1
kind: Fleet
metadata: { name: acme }
spec:
  clusterFiles: ["clusters/*.yaml"]
  layout:
    - path: apps/{app}/overlays/{env}
      exclude: ["apps/_*"]
      clusters: { matchLabels: { env: "{env}" }, exclude: { names: [a] } }
  defaults: { sync: { mode: auto, timeout: 5m } }
`;
const CLUSTER = `apiVersion: axle.dev/v1
kind: Cluster
metadata: { name: eu-1, labels: { env: prod, ring: "2" } }
spec: { values: { domain: eu.example.com, replicas: 6 } }
`;
const APP = `apiVersion: axle.dev/v1
kind: App
metadata: { name: web }
spec:
  source: { path: ./manifests }
  clusters: { matchExpressions: [{ key: env, operator: In, values: [prod, dev] }] }
  overrides:
    - clusters: { matchLabels: { env: prod } }
      values: &v { a: 1 }
    - clusters: { all: true }
      values: { <<: *v, b: [0x1F, 0755, yes] }
  substitute: { DOMAIN: cluster.values.domain }
  dependsOn: [db]
`;
const MANIFEST = `apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: ConfigMap
    metadata: { name: a, labels: { x: "y" }, annotations: }
    data: { text: "multi\\nline", block: |-
        one
    }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: b, namespace: c }
`;

/** What people and attackers put into documents: pieces that mean something to a YAML reader. */
const PIECES = [
  "\t",
  "\r\n",
  "\u0000",
  "\ufeff",
  "\ud800",
  "---\n",
  "...\n",
  "&a ",
  "*a",
  "*v",
  "<<: ",
  "<<: *v",
  "? ",
  "! ",
  "!!binary ",
  "!!str ",
  "| \n",
  ">-\n",
  "%YAML 1.2\n",
  "{",
  "}",
  "[",
  "]",
  ",",
  ": ",
  "- ",
  "# ",
  "'",
  '"',
  "\\",
  "null",
  "~",
  "1e999",
  "0x",
  "99999999999999999999",
  ".inf",
  "__proto__: 1\n",
  "constructor: {}\n",
  "axle.dev/v2",
  "{env}",
  "{",
  "../",
  "*",
  "**/",
  "\n",
  "    ",
  "kind: App\n",
  "items: [[]]\n",
] as const;

interface Mutation {
  readonly at: number;
  readonly remove: number;
  readonly insert: string;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.oneof(fc.constant(0), fc.nat({ max: 12 })),
  insert: fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: "binary", maxLength: 4 })),
});

/** A document somebody wrote, damaged in a few places. */
function damaged(...texts: readonly string[]): fc.Arbitrary<string> {
  return fc.tuple(fc.constantFrom(...texts), fc.array(mutation, { maxLength: 6 })).map(([text, mutations]) =>
    mutations.reduce((whole, { at, remove, insert }) => {
      const place = Math.floor(at * whole.length);
      return whole.slice(0, place) + insert + whole.slice(place + remove);
    }, text),
  );
}

/** How many values a document holds, shared ones counted each time they are reached; stops above the limit. */
function countValues(value: unknown, limit: number): number {
  let count = 0;
  const pending = [value];
  while (pending.length > 0 && count <= limit) {
    const next = pending.pop();
    count += 1;
    if (typeof next === "object" && next !== null) pending.push(...Object.values(next));
  }
  return count;
}

/** Aliases may add 10 MiB; beside them a document has no more values than characters. */
const MOST_VALUES = 12_000_000;

describe("damaged documents", () => {
  it("are read as YAML, or refused as a YamlError with a place", () => {
    fc.assert(
      fc.property(damaged(FLEET, CLUSTER, APP, MANIFEST), (text) => {
        try {
          for (const { value, locate, position } of parseYaml(text)) {
            expect(countValues(value, MOST_VALUES)).toBeLessThanOrEqual(MOST_VALUES);
            expect(position.line).toBeGreaterThan(0);
            expect(locate(["spec", "layout", 0, "path"], "value").line).toBeGreaterThan(0);
          }
        } catch (error) {
          if (!(error instanceof YamlError)) throw error;
          expect(error.position.line).toBeGreaterThan(0);
        }
      }),
      RUN,
    );
  });

  it("give a manifest's objects or problems, never an exception", () => {
    fc.assert(
      fc.property(damaged(MANIFEST, APP), (text) => {
        const { objects, problems } = parseManifest(text, "a.yaml");
        for (const { object } of objects) expect(typeof object.metadata.name).toBe("string");
        for (const { code, place } of problems) expect([code, place?.file]).toEqual(["manifest", "a.yaml"]);
      }),
      RUN,
    );
  });

  it("S3: give a contract or problems that refuse or hold, never an exception, and never half an app", () => {
    fc.assert(
      fc.property(damaged(FLEET), damaged(CLUSTER, APP), damaged(APP, MANIFEST), (fleet, cluster, app) => {
        const texts = new Map([
          ["axle.yaml", fleet],
          ["clusters/eu-1.yaml", cluster],
          ["web/app.yaml", app],
        ]);
        const paths = [...texts.keys(), "web/manifests/a.yaml", "apps/shop/overlays/prod/a.yaml"];
        const contract = readContract({ paths, texts });
        if (contract.fleet === undefined) expect(refusesCommit(contract.problems)).toBe(true);
        for (const each of contract.apps) expect(each.placements.length).toBeGreaterThan(0);
      }),
      { ...RUN, numRuns: 60 },
    );
  });
});

describe("damaged locks", () => {
  it("S3: lock what they say, or have problems that refuse the commit, never an exception", () => {
    const entries = [
      { source: "chart oci://registry.example.com/charts web 1.2.3", digest: `sha256:${"ab".repeat(32)}` },
      { source: "git https://git.example.com/bases.git main", digest: `git:${"1".repeat(40)}` },
    ];
    fc.assert(
      fc.property(damaged(formatLockFile(entries)), (text) => {
        const { digests, problems } = parseLockFile(text);
        for (const digest of digests.values()) expect(digest).toMatch(/^(git|sha256):[0-9a-f]{40,64}$/);
        if (problems.length > 0) expect(refusesCommit(problems)).toBe(true);
        for (const { place } of problems) expect(place?.file).toBe("axle.lock");
      }),
      RUN,
    );
  });
});

describe("label selectors", () => {
  it("are read, or refused as a LabelSelectorError", () => {
    const texts = damaged("env=prod,region in (eu, us),tier!=db,canary,!legacy", "a notin (b),c==d", "");
    fc.assert(
      fc.property(fc.oneof(texts, fc.string({ maxLength: 60 })), (text) => {
        try {
          parseLabelSelector(text);
        } catch (error) {
          if (!(error instanceof LabelSelectorError)) throw error;
        }
      }),
      RUN,
    );
  });

  it("take no time that grows faster than their length", () => {
    for (const piece of ["(", "a in (", "! ", "a=", ",", "a ", "notin", ")("]) {
      const long = piece.repeat(20_000);
      expect(() => parseLabelSelector(long)).toThrow(LabelSelectorError);
    }
  });
});

describe("join tokens", () => {
  it("are read, or said to be damaged without being repeated", () => {
    const token = formatJoinToken({
      hubAddress: "hub:1",
      caFingerprint: "ab",
      caPem: "pem",
      id: "i",
      secret: "geheim",
    });
    fc.assert(
      fc.property(
        fc.oneof(
          damaged(token),
          fc.string(),
          fc.string().map((text) => `axle1.${text}`),
        ),
        (text) => {
          const read = parseJoinToken(text);
          if ("problem" in read) expect(read.problem).not.toContain("geheim");
          else for (const part of Object.values(read.content)) expect(part).not.toBe("");
        },
      ),
      RUN,
    );
  });
});

describe("bombs", () => {
  const levels = Array.from({ length: 12 }, (_, level) =>
    level === 0 ? "a0: &a0 [x, x, x, x, x, x, x, x, x, x]" : `a${level}: &a${level} [${`*a${level - 1}, `.repeat(10)}]`,
  );

  it("of aliases are refused, however they are reached", () => {
    const merges = Array.from({ length: 30 }, (_, level) =>
      level === 0
        ? "m0: &m0 { k: v }"
        : `m${level}: &m${level} { <<: *m${level - 1}, a: *m${level - 1}, b: *m${level - 1} }`,
    );
    for (const bomb of [levels.join("\n"), merges.join("\n")]) {
      expect(() => parseYaml(bomb)).toThrow(expect.objectContaining({ name: "YamlError", code: "alias" }));
      expect(parseManifest(bomb, "a.yaml").objects).toEqual([]);
    }
  });

  it.each(["[", "{a: ", "- ", "? ", "&a [", "a:\n "])("of nesting (%j) are refused", (piece) => {
    expect(() => parseYaml(piece.repeat(20_000))).toThrow(YamlError);
  });
});
