import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readIndexEntries } from "./chart-index.ts";

const index = `apiVersion: v1
entries:
  # The first letter of the alphabet.
  alpine:
  - apiVersion: v2
    name: alpine
    version: 0.1.0
    urls:
    - https://example.com/alpine-0.1.0.tgz
  podinfo:
  - apiVersion: v1
    description: |-
      Podinfo Helm chart
      entries:
        podinfo:
    digest: AB12
    name: podinfo
    urls:
    - podinfo-6.1.0.tgz
    version: 6.1.0
  - name: podinfo
    version: 6.0.0
    urls: [ "charts/podinfo-6.0.0.tgz" ]
    digest: sha256:cd34
  podinfo-extra:
  - version: 1.0.0
generated: "2026-01-01T00:00:00Z"
`;

describe("an index", () => {
  test("says the versions of a chart, where they are and their digests", () => {
    expect(readIndexEntries(index, "podinfo")).toEqual([
      { version: "6.1.0", urls: ["podinfo-6.1.0.tgz"], digest: "ab12" },
      { version: "6.0.0", urls: ["charts/podinfo-6.0.0.tgz"], digest: "cd34" },
    ]);
    expect(readIndexEntries(index, "podinfo-extra")).toEqual([{ version: "1.0.0", urls: [], digest: undefined }]);
    expect(readIndexEntries(index, "pod")).toBeUndefined();
    expect(readIndexEntries(index, "__proto__")).toBeUndefined();
  });

  test("may be written with lists that are indented, in CRLF, with quoted names, or as JSON", () => {
    const indented = 'entries:\r\n    "web":\r\n        - version: 1.0.0\r\n          urls:\r\n            - a.tgz\r\n';
    const expected = [{ version: "1.0.0", urls: ["a.tgz"], digest: undefined }];
    expect(readIndexEntries(indented, "web")).toEqual(expected);
    expect(readIndexEntries('{"entries":{"web":[{"version":"1.0.0","urls":["a.tgz"]}]}}', "web")).toEqual(expected);
  });

  test("of a repository without charts names none", () => {
    expect(readIndexEntries("apiVersion: v1\nentries: {}\n", "web")).toBeUndefined();
    expect(readIndexEntries("apiVersion: v1\nentries:\ngenerated: now\n", "web")).toBeUndefined();
  });

  test.each(["", "<html>", "[1]", "entries:\n  web: 5\n", "entries:\n  web:\n  - a: [\n"])("is not %j", (text) => {
    expect(() => readIndexEntries(text, "web")).toThrow(/index/);
  });

  test("of 30 MB is read in no time, for only one chart's lines are", () => {
    const filler = Array.from(
      { length: 60_000 },
      (_, i) =>
        `  chart-${i}:\n${"  - version: 1.0.0\n    description: a chart that nobody asks for\n    urls:\n    - a.tgz\n".repeat(5)}`,
    ).join("");
    const text = `entries:\n${filler}  web:\n  - version: 2.0.0\n`;
    expect(text.length).toBeGreaterThan(25_000_000);
    const start = performance.now();
    expect(readIndexEntries(text, "web")).toMatchObject([{ version: "2.0.0" }]);
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  test("without lines of its own is not read whole when it is large", () => {
    const text = JSON.stringify({ entries: { web: [{ description: "x".repeat(5_000_000), version: "1.0.0" }] } });
    expect(() => readIndexEntries(text, "web")).toThrow("in a form other than Helm's own");
  });

  test("says the same whether it is read by lines or whole", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", "-", "1"), minLength: 1, maxLength: 4 });
    // YAML allows no control characters, JSON all but the first 32.
    const text = fc.string({ unit: "binary-ascii", maxLength: 30 }).map((given) => given.replaceAll("\x7f", ""));
    const version = fc.record({
      version: fc.constantFrom("1.0.0", "2.0.0-rc.1", "3.1.4+b"),
      description: text,
      urls: fc.array(fc.constantFrom("a.tgz", "https://x/b.tgz"), { maxLength: 2 }),
    });
    fc.assert(
      fc.property(
        fc.dictionary(word, fc.array(version, { minLength: 1, maxLength: 2 }), { maxKeys: 4 }),
        word,
        (entries, other) => {
          for (const chart of [...Object.keys(entries), other]) {
            const byLines = readIndexEntries(inLines(entries), chart);
            expect(byLines).toEqual(readIndexEntries(JSON.stringify({ entries }), chart));
          }
        },
      ),
      { numRuns: 25 },
    );
  });
});

type Versions = readonly Readonly<Record<string, unknown>>[];

/** As helm writes an index: a line for each field, JSON being YAML. */
function inLines(entries: Readonly<Record<string, Versions>>): string {
  const charts = Object.entries(entries).map(([name, versions]) => {
    const items = versions.map((version) => {
      const fields = Object.entries(version).map(([field, value]) => `${field}: ${JSON.stringify(value)}\n`);
      return `  - ${fields.join("    ")}`;
    });
    return `  ${JSON.stringify(name)}:\n${items.join("")}`;
  });
  return `apiVersion: v1\nentries:\n${charts.join("")}generated: now\n`;
}
