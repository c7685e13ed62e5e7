import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatLockFile, parseLockFile, parseSourceKey } from "./lock-file.ts";
import { formatProblem } from "./problem.ts";
import { sourceKey } from "./source-request.ts";

const hex = "ab".repeat(32);
const podinfo = "chart oci://registry.example.com/charts podinfo 6.1.0";
const branch = "git https://git.example.com/bases.git main";
const entries = [
  { source: branch, digest: `git:${"1".repeat(40)}` },
  { source: podinfo, digest: `sha256:${hex}` },
];

const problemsOf = (text: string) => parseLockFile(text).problems.map(formatProblem);
const lock = (body: string) => `apiVersion: axle.dev/v1\nkind: Lock\nentries:\n${body}`;

describe("a lock", () => {
  test("is written sorted, and says how it is changed", () => {
    expect(formatLockFile(entries)).toBe(formatLockFile(entries.toReversed()));
    expect(formatLockFile(entries))
      .toBe(`# Written by \`axle lock\`: what this repository names elsewhere, and what it must be.
# Change it with \`axle lock\` (what is new) and \`axle lock --update NAME\` (what was published again).
apiVersion: axle.dev/v1
kind: Lock
entries:
  - source: "chart oci://registry.example.com/charts podinfo 6.1.0"
    digest: sha256:${hex}
  - source: "git https://git.example.com/bases.git main"
    digest: git:${"1".repeat(40)}
`);
  });

  test("is read as it was written", () => {
    const { digests, places, problems } = parseLockFile(formatLockFile(entries));
    expect(problems).toEqual([]);
    expect(Object.fromEntries(digests)).toEqual(
      Object.fromEntries(entries.map(({ source, digest }) => [source, digest])),
    );
    expect(places.get(branch)).toEqual({ file: "axle.lock", line: 8, column: 5 });
    expect(parseLockFile(formatLockFile([])).digests.size).toBe(0);
  });

  test.each<[string, string]>([
    ["", "axle.lock:1:1: the file is empty; delete it, or run axle lock"],
    [
      "a: [",
      "axle.lock:1:5: flow sequence in block collection must be sufficiently indented and end with a ]; delete the file, and axle lock writes it anew",
    ],
    ["5", "axle.lock:1:1: found the number 5, expected a Lock"],
    ["kind: Lock\nentries: []", "axle.lock:1:1: apiVersion: missing, expected axle.dev/v1"],
    ["apiVersion: axle.dev/v1\nkind: Lok\nentries: []", 'axle.lock:2:7: kind: found the text "Lok", expected Lock'],
    ["apiVersion: axle.dev/v1\nkind: Lock", "axle.lock:1:1: entries: missing, expected a list"],
    [
      lock("  - a"),
      "axle.lock:4:5: entries[0].source: found nothing, expected the name of a source; axle lock writes these",
    ],
    [
      lock("  - source: chart podinfo\n    digest: x"),
      'axle.lock:4:13: entries[0].source: found the text "chart podinfo", expected the name of a source; axle lock writes these',
    ],
    [
      lock(`  - source: ${podinfo}\n    digest: git:${"1".repeat(40)}`),
      `axle.lock:5:13: entries[0].digest: found the text "git:${"1".repeat(40)}", expected sha256:<64 hex digits>`,
    ],
    [
      lock(`  - { source: ${podinfo}, digest: "sha256:${hex}", note: x }`),
      `axle.lock:4:159: entries[0].note: unknown field; remove it`,
    ],
    [
      lock(`  - { source: ${podinfo}, digest: "sha256:${hex}" }\n  - { source: ${podinfo}, digest: "sha256:${hex}" }`),
      `axle.lock:5:15: entries[1].source: ${podinfo} is in this file already; keep one of the two`,
    ],
    ["a: 1\n---\nb: 1", "axle.lock:3:1: holds more than one document; keep one"],
  ])("%j has a place and a remedy", (text, expected) => {
    expect(problemsOf(text)).toContain(expected);
  });

  test("never fails in another way than by its problems", () => {
    const text = fc.oneof(fc.string({ unit: "binary-ascii", maxLength: 100 }), fc.json({ maxDepth: 2 }));
    fc.assert(
      fc.property(text, (given) => void parseLockFile(lock(given))),
      { numRuns: 40 },
    );
  });
});

test("a key tells its request", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "/", ":", "%", "."), minLength: 1, maxLength: 8 });
  const requests = fc.oneof(
    fc.record({ type: fc.constant("ref" as const), ref: word }),
    fc.record({ type: fc.constant("git" as const), url: word, ref: word }),
    fc.record({ type: fc.constant("chart" as const), repository: word, name: word, version: word }),
    fc.record({ type: fc.constant("file" as const), url: word }),
  );
  fc.assert(
    fc.property(requests, (request) => {
      expect(parseSourceKey(sourceKey(request))).toEqual(request);
    }),
  );
  for (const text of ["", "chart", "chart a b", "chart a b c d", "git a ", "tag x", "ref a b"]) {
    expect(parseSourceKey(text)).toBeUndefined();
  }
});
