import { parseYaml, YamlError } from "../manifest/parse-yaml.ts";
import type { Position, YamlDocument } from "../manifest/parse-yaml.ts";
import { CONTRACT_API_VERSION } from "./contract-schemas.ts";
import { describeValue } from "./describe-value.ts";
import type { Place, Problem } from "./problem.ts";
import { sourceKey } from "./source-request.ts";
import type { SourceRequest } from "./source-request.ts";

/** At the root of the repository, beside `axle.yaml`. */
export const LOCK_FILE = "axle.lock";

/** A source outside of the commit, and what it must be. */
export interface LockEntry {
  /** Its {@link sourceKey}. */
  readonly source: string;
  /** `git:<commit>` or `sha256:<hex>`. */
  readonly digest: string;
}

export interface LockReading {
  /** By source key. */
  readonly digests: ReadonlyMap<string, string>;
  /** Where each entry stands, by source key. */
  readonly places: ReadonlyMap<string, Place>;
  /** A lock that cannot be read locks nothing, so that its errors refuse the commit. */
  readonly problems: readonly Problem[];
}

const HEADER = `# Written by \`axle lock\`: what this repository names elsewhere, and what it must be.
# Change it with \`axle lock\` (what is new) and \`axle lock --update NAME\` (what was published again).
`;
const DIGESTS: Readonly<Record<SourceRequest["type"], RegExp>> = {
  ref: /^git:([0-9a-f]{40}|[0-9a-f]{64})$/,
  git: /^git:([0-9a-f]{40}|[0-9a-f]{64})$/,
  chart: /^sha256:[0-9a-f]{64}$/,
  file: /^sha256:[0-9a-f]{64}$/,
};
const FIELDS = new Set(["apiVersion", "kind", "entries"]);

/** What an `axle.lock` says. Never throws for what stands in it: problems say it. */
export function parseLockFile(text: string): LockReading {
  const reader = new LockReader();
  try {
    const documents = parseYaml(text);
    if (documents.length > 1) reader.report("holds more than one document; keep one", documents[1]?.position);
    else if (documents[0] === undefined) reader.report("the file is empty; delete it, or run axle lock");
    else reader.read(documents[0]);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    reader.report(`${error.message}; delete the file, and axle lock writes it anew`, error.position, "syntax");
  }
  return reader;
}

/** The text of a lock: sorted, so that the same entries are always the same bytes, and two branches rarely conflict. */
export function formatLockFile(entries: Iterable<LockEntry>): string {
  const sorted = [...entries].toSorted((a, b) => (a.source < b.source ? -1 : a.source > b.source ? 1 : 0));
  const lines = sorted.map(({ source, digest }) => `  - source: ${JSON.stringify(source)}\n    digest: ${digest}\n`);
  const body = lines.length === 0 ? "entries: []\n" : `entries:\n${lines.join("")}`;
  return `${HEADER}apiVersion: ${CONTRACT_API_VERSION}\nkind: Lock\n${body}`;
}

/** The request a key stands for; undefined for what is none. */
export function parseSourceKey(key: string): SourceRequest | undefined {
  const [type, first = "", second = "", third = "", ...more] = key.split(" ");
  const request = requestOf(type, [first, second, third]);
  const isWhole = more.length === 0 && request !== undefined && sourceKey(request) === key;
  return isWhole && !Object.values(request).includes("") ? request : undefined;
}

function requestOf(
  type: string | undefined,
  [first, second, third]: readonly [string, string, string],
): SourceRequest | undefined {
  switch (type) {
    case "ref":
      return { type, ref: first };
    case "git":
      return { type, url: first, ref: second };
    case "chart":
      return { type, repository: first, name: second, version: third };
    case "file":
      return { type, url: first };
    case undefined:
    default:
      return undefined;
  }
}

class LockReader implements LockReading {
  readonly digests = new Map<string, string>();
  readonly places = new Map<string, Place>();
  readonly problems: Problem[] = [];

  read(document: YamlDocument): void {
    const value = asRecord(document.value);
    if (value === undefined) {
      this.report(`found ${describeValue(document.value)}, expected a Lock`, document.position);
      return;
    }
    this.#expect(document, value, { field: "apiVersion", expected: CONTRACT_API_VERSION });
    this.#expect(document, value, { field: "kind", expected: "Lock" });
    for (const field of Object.keys(value)) {
      if (!FIELDS.has(field)) this.report("unknown field; remove it", document.locate([field], "key"), "schema", field);
    }
    const { entries } = value;
    if (!Array.isArray(entries)) {
      const found = entries === undefined ? "missing" : `found ${describeValue(entries)}`;
      this.report(`${found}, expected a list`, document.locate(["entries"], "value"), "schema", "entries");
      return;
    }
    for (const [index, entry] of (entries as readonly unknown[]).entries()) this.#entry(document, entry, index);
  }

  report(message: string, position?: Position, code: "schema" | "syntax" = "schema", field?: string): void {
    const place = { file: LOCK_FILE, ...(position ?? { line: 1, column: 1 }) };
    this.problems.push({ severity: "error", code, message, place, ...(field !== undefined && { field }) });
  }

  #expect(
    document: YamlDocument,
    value: Readonly<Record<string, unknown>>,
    { field, expected }: { readonly field: string; readonly expected: string },
  ): void {
    const is = value[field];
    if (is === expected) return;
    const found = is === undefined ? "missing" : `found ${describeValue(is)}`;
    this.report(`${found}, expected ${expected}`, document.locate([field], "value"), "schema", field);
  }

  #entry(document: YamlDocument, entry: unknown, index: number): void {
    const at = (field: string): [Position, "schema", string] => [
      document.locate(["entries", index, field], "value"),
      "schema",
      `entries[${index}].${field}`,
    ];
    const { source, digest, ...others } = asRecord(entry) ?? {};
    const request = typeof source === "string" ? parseSourceKey(source) : undefined;
    if (typeof source !== "string" || request === undefined) {
      this.report(
        `found ${describeValue(source)}, expected the name of a source; axle lock writes these`,
        ...at("source"),
      );
      return;
    }
    if (typeof digest !== "string" || !DIGESTS[request.type].test(digest)) {
      const expected = request.type === "chart" || request.type === "file" ? "sha256:<64 hex digits>" : "git:<commit>";
      this.report(`found ${describeValue(digest)}, expected ${expected}`, ...at("digest"));
      return;
    }
    for (const field of Object.keys(others)) this.report("unknown field; remove it", ...at(field));
    if (this.digests.has(source)) {
      this.report(`${source} is in this file already; keep one of the two`, ...at("source"));
      return;
    }
    this.digests.set(source, digest);
    this.places.set(source, { file: LOCK_FILE, ...document.locate(["entries", index, "source"], "key") });
  }
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}
