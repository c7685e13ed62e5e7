import type { Place } from "./problem.ts";
import type { ClusterSelector, LabelRequirement } from "./selector.ts";
import { CAPTURE } from "./selector-schema.ts";

/** A selector as it stands in a file: any part may be absent. */
export interface SelectorSpec {
  readonly all?: boolean | undefined;
  readonly matchLabels?: Readonly<Record<string, string>> | undefined;
  readonly matchExpressions?: readonly RequirementSpec[] | undefined;
  readonly names?: readonly string[] | undefined;
  readonly exclude?: Omit<SelectorSpec, "exclude"> | undefined;
}

interface RequirementSpec {
  readonly key: string;
  readonly operator: LabelRequirement["operator"];
  readonly values?: readonly string[] | undefined;
}

/** A selector as it is matched: every part present. */
export function normaliseSelector(spec: SelectorSpec, declaredAt: Place): ClusterSelector {
  return {
    ...partsOf(spec),
    ...(spec.exclude !== undefined && { exclude: partsOf(spec.exclude) }),
    declaredAt,
  };
}

function partsOf(spec: Omit<SelectorSpec, "exclude">): Omit<ClusterSelector, "exclude" | "declaredAt"> {
  return {
    all: spec.all ?? false,
    matchLabels: spec.matchLabels ?? {},
    matchExpressions: (spec.matchExpressions ?? []).map(({ key, operator, values }) => ({
      key,
      operator,
      values: values ?? [],
    })),
    names: spec.names ?? [],
  };
}

export type Captures = Readonly<Record<string, string>>;

/** `{env}` becomes what the folder's name gave; a name nobody captured stays as it stands. */
export function fillCaptures(text: string, captures: Captures): string {
  return text.replaceAll(CAPTURE, (whole, name: string) => captures[name] ?? whole);
}

/** The same selector with every name and value filled in; keys are never captured. */
export function fillSelector(selector: ClusterSelector, captures: Captures): ClusterSelector {
  const parts = fillParts(selector, captures);
  return selector.exclude === undefined ? parts : { ...parts, exclude: fillParts(selector.exclude, captures) };
}

function fillParts<Parts extends Omit<ClusterSelector, "exclude">>(parts: Parts, captures: Captures): Parts {
  const fill = (text: string): string => fillCaptures(text, captures);
  return {
    ...parts,
    matchLabels: fillValues(parts.matchLabels, captures),
    matchExpressions: parts.matchExpressions.map((requirement) => ({
      ...requirement,
      values: requirement.values.map(fill),
    })),
    names: parts.names.map(fill),
  };
}

export function fillValues(map: Readonly<Record<string, string>>, captures: Captures): Record<string, string> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, fillCaptures(value, captures)]));
}
