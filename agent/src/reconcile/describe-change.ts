import type { KubeObject } from "@axle/core/manifest/object.ts";
import type { FieldChange } from "@axle/core/status/report.ts";
import type { FieldPath } from "./field-path.ts";
import { formatPath, isRecord, valueAt } from "./field-set.ts";

const MASK = "***";
const LONGEST = 120;
const SECRET_NAME = /passw|secret|token|credential|private|api[-_.]?key|access[-_.]?key|auth/i;
const SECRET_FIELDS: ReadonlySet<string> = new Set(["f:data", "f:stringData"]);
/** Texts that people write whole manifests into. */
const MANIFEST_NAME = /last-applied-configuration/;

/** A field as declared and as found, short enough for a report. What may be secret is masked on both sides (S5). */
export function describeChange(desired: KubeObject, live: KubeObject, path: FieldPath): FieldChange {
  const name = formatPath(path);
  const isSecret =
    SECRET_NAME.test(name) || MANIFEST_NAME.test(name) || (live.kind === "Secret" && SECRET_FIELDS.has(path[0] ?? ""));
  const show = (value: unknown) => (value === undefined ? "" : isSecret ? MASK : shorten(textOf(value)));
  return {
    path: name,
    before: show(path.reduce<unknown>(valueAt, desired)),
    after: show(path.reduce<unknown>(valueAt, live)),
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(maskMembers(value)) ?? "");
}

function maskMembers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(maskMembers);
  if (!isRecord(value)) return value;
  // An environment variable says in `name` what its `value` is.
  const isNamedSecret = typeof value["name"] === "string" && SECRET_NAME.test(value["name"]);
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const isMasked = SECRET_NAME.test(name) || (isNamedSecret && name === "value");
      return [name, isMasked && !isRecord(member) && !Array.isArray(member) ? MASK : maskMembers(member)];
    }),
  );
}

function shorten(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`;
}
