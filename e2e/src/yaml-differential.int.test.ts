import { afterAll, beforeAll, expect, test } from "vitest";
import { parseYaml, YamlError } from "@axle/core/manifest/parse-yaml.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";

/**
 * What YAML means is decided by kubectl and the API server, so they are asked: each text below is the `value` of a
 * custom resource without a schema, read by our parser and by `kubectl create --dry-run=server`.
 */
const SCALARS = [
  // Octal, hexadecimal, binary, underscores
  "0400",
  "0755",
  "00",
  "0",
  "-0",
  "+1",
  "08",
  "09",
  "0o17",
  "0O17",
  "0o8",
  "0x1F",
  "0XFF",
  "0xg",
  "0b101",
  "0b2",
  "-0x10",
  "-0755",
  "+0o7",
  "1_000",
  "0_7",
  "1__0",
  "_1",
  "1_",
  "0x_1F",
  "1_000.5",
  "123456789012",
  "9007199254740991",
  // Floats
  "1.0",
  "1.50",
  "1e3",
  "1E3",
  "1e+3",
  "1e-3",
  ".5",
  "-.5",
  "+.5",
  "5.",
  "1.e2",
  ".e1",
  ".",
  "-",
  "+",
  "e3",
  "1e",
  "1.2.3",
  "0.1e400",
  "1e400",
  "00.5",
  "012.5",
  "1,000",
  // Booleans and nulls
  "true",
  "True",
  "TRUE",
  "tRUE",
  "false",
  "yes",
  "Yes",
  "YES",
  "yEs",
  "no",
  "No",
  "NO",
  "on",
  "On",
  "ON",
  "off",
  "OFF",
  "y",
  "Y",
  "n",
  "N",
  "null",
  "Null",
  "NULL",
  "nULL",
  "~",
  "",
  "none",
  "nil",
  // Dates, times, sexagesimals, versions, addresses
  "2026-11-21",
  "2026-11-21T08:00:00Z",
  "2026-11-21 08:00:00",
  "12:30",
  "12:30:45",
  "190:20:30",
  "1:60",
  "08:00",
  "1.37.0",
  "v1.37",
  "10.0.0.1",
  "::1",
  "fe80::1",
  "1-2",
  "1e2e3",
  // Quoted, tagged, escaped
  '"0400"',
  "'0400'",
  '"yes"',
  "'no'",
  '"12:30"',
  '"\\u00e9\\n\\t"',
  "'it''s'",
  '""',
  "''",
  "!!str 0400",
  "!!str yes",
  "!!int 7",
  "!!float 1.5",
  "!!bool yes",
  "!!null null",
  "! 12",
  // Special words and plain text with odd characters
  "=",
  "<<",
  "a:b",
  "http://x/y#z",
  "a #b",
  "a#b",
  "-a",
  "a@b",
  "100%",
  "a*b",
  "[1, 0x2, 03, yes]",
  "{a: 1, b: {c: no}}",
  "[a, [b, [0o7]]]",
  "{yes: 1, 2: two, 0x3: three, null: four, 1.5: five}",
  "{? a : 1}",
  "{a, b: }",
  "[]",
] as const;

/** Several lines below `spec:`. */
const BLOCKS = [
  "value: |\n  one\n  two\n",
  "value: |-\n  one\n  two\n",
  "value: |+\n  one\n\n",
  "value: >\n  one\n  two\n\n  three\n",
  "value: >-\n  one\n    two\n  three\n",
  "value: |2\n    indented\n  less\n",
  "value: plain text\n  that goes on\n\n  with a break\n",
  'value: "quoted\n  text \\\n  goes on"\n',
  "base: &base { a: 1, b: 2 }\nvalue: { <<: *base, b: 3 }\n",
  "base: &base { a: 1, b: 2 }\nvalue:\n  b: 3\n  <<: *base\n",
  "x: &x { a: 1, b: 1 }\ny: &y { a: 2, c: 2 }\nvalue: { <<: [*x, *y], d: 4 }\n",
  "x: &x { a: 1 }\ny: &y { <<: *x, b: 2 }\nvalue: { <<: *y }\n",
  'value: { "<<": text }\n',
  "list: &list [1, 02, yes]\nvalue: *list\n",
  "one: &v 0755\nvalue: *v\n",
  "value:\n- a\n- b:\n  - 1\n",
  "value:\n  ? complex\n  : 1\n",
  "value: # a comment\n  a: 1 # more\n",
  "yes: 1\nno: 2\nvalue: 3\n",
  "0x1F: hex\n1.5: float\nvalue: 1\n",
  "value:\r\n  a: 1\r\n  b: two\r\n",
  "value: \t1\n",
  "value: é\u00a0ü 😀\n",
] as const;

/** Both refuse these. */
const REFUSED = [
  "value: {a: 1\n",
  "value: [1, 2\n",
  "value: 'open\n",
  "value:\n\ta: 1\n",
  "value: *unknown\n",
  "value: @a\n",
  "value: a: b\n",
  "value: %x\n",
] as const;

let cluster: KubeCluster;

beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "yaml", workloads: false });
  await cluster.pipeToKubectl(JSON.stringify(DEFINITION), "create", "-f", "-");
  await eventually(() => cluster.request("GET", "/apis/differential.axle.dev/v1/namespaces/default/cases"));
});

afterAll(async () => cluster?.[Symbol.asyncDispose]());

const DEFINITION = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "cases.differential.axle.dev" },
  spec: {
    group: "differential.axle.dev",
    scope: "Namespaced",
    names: { kind: "Case", plural: "cases" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: { spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
          },
        },
      },
    ],
  },
};

const TEXTS = [...SCALARS.map((scalar) => `value: ${scalar}\n`), ...BLOCKS];

function documentOf(text: string, index: number): string {
  const spec = text.replaceAll(/^(?=.)/gm, "  ");
  return `apiVersion: differential.axle.dev/v1\nkind: Case\nmetadata: { name: c${index}, namespace: default }\nspec:\n${spec}`;
}

interface Answer {
  readonly metadata: { readonly name: string };
  readonly spec: unknown;
}

/** One call for all that we take; where it fails, halves, until what is refused stands alone. By index. */
async function askKubectl(indexes: readonly number[]): Promise<ReadonlyMap<number, unknown>> {
  if (indexes.length === 0) return new Map();
  const documents = indexes.map((index) => documentOf(TEXTS[index] as string, index)).join("---\n");
  try {
    const output = await cluster.pipeToKubectl(documents, ...CREATE);
    // One object after the other, each indented, so that only their own braces stand at the beginning of a line.
    const answers = output.split(/(?<=^\})\n(?=\{)/m).map((text) => JSON.parse(text) as Answer);
    return new Map(answers.map(({ metadata, spec }) => [Number(metadata.name.slice(1)), spec]));
  } catch {
    if (indexes.length === 1) return new Map([[indexes[0] as number, REFUSAL]]);
    const half = indexes.length >> 1;
    return new Map([...(await askKubectl(indexes.slice(0, half))), ...(await askKubectl(indexes.slice(half)))]);
  }
}

const CREATE = ["create", "--dry-run=server", "-o", "json", "-f", "-"] as const;
const REFUSAL = "refused";

function ask(text: string): unknown {
  try {
    return (parseYaml(text)[0]?.value as { spec?: unknown } | undefined)?.spec;
  } catch (error) {
    if (error instanceof YamlError) return REFUSAL;
    throw error;
  }
}

test("every scalar and block means to us what it means to kubectl and the API server", async () => {
  const indexes = TEXTS.map((_, index) => index);
  const refusedByUs = indexes.filter((index) => ask(documentOf(TEXTS[index] as string, index)) === REFUSAL);
  const theirs = new Map(await askKubectl(indexes.filter((index) => !refusedByUs.includes(index))));
  for (const index of refusedByUs) for (const [key, spec] of await askKubectl([index])) theirs.set(key, spec);
  const different = TEXTS.flatMap((text, index) => {
    const [ours, kubectl] = [ask(documentOf(text, index)), theirs.get(index)];
    return JSON.stringify(sorted(ours)) === JSON.stringify(sorted(kubectl)) ? [] : [{ text, ours, kubectl }];
  });
  expect(different).toEqual([]);
  expect(theirs.size).toBe(TEXTS.length);
});

test.each(REFUSED)("%j is refused by us and by kubectl", async (text) => {
  const document = documentOf(text, 0);
  expect(ask(document)).toBe(REFUSAL);
  await expect(cluster.pipeToKubectl(document, ...CREATE)).rejects.toThrow();
});

test("a key that is there twice is refused by us, though kubectl takes the last one", async () => {
  const document = documentOf("yes: 1\non: 2\n", 0);
  expect(ask(document)).toBe(REFUSAL);
  const answer = await cluster.pipeToKubectl(document, ...CREATE);
  expect((JSON.parse(answer) as Answer).spec).toEqual({ true: 2 });
});

/** Key order means nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, member]) => [key, sorted(member)] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}
