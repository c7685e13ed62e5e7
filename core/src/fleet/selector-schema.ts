import { z } from "zod";
import { joinWords } from "./join-words.ts";
import { dnsLabelFault, FACT_KEYS, FACT_PREFIX, labelKeyFault, labelValueFault } from "./label-syntax.ts";

/** `{x}` of a layout entry: filled in before the text is checked. */
export const CAPTURE = /\{([A-Za-z][A-Za-z0-9_]*)\}/g;

export const labelKey = z.string().superRefine(refuse(labelKeyFault));
/** A label to select by, or a fact. */
const selectorKey = labelKey.superRefine(
  refuse((key) => {
    if (!key.startsWith(FACT_PREFIX) || FACT_KEYS.includes(key)) return undefined;
    return `there is no fact "${key}"; there are ${joinWords(FACT_KEYS, "and")}`;
  }),
);
export const labelValue = z.string().superRefine(refuse(labelValueFault));
export const capturedLabelValue = z.string().superRefine(refuse((value) => labelValueFault(fillAny(value))));
export const dnsLabel = z
  .string()
  .superRefine(refuse(dnsLabelFault))
  .meta({ pattern: "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", maxLength: 63 });
export const capturedDnsLabel = z.string().superRefine(refuse((value) => dnsLabelFault(fillAny(value))));

/** Stands in for whatever a capture will hold; that is checked once it is known. */
function fillAny(value: string): string {
  return value.replaceAll(CAPTURE, "x");
}

/** Labels that somebody gives; facts are not theirs to give. */
export const givenLabels = z.record(
  labelKey.superRefine(
    refuse((key) =>
      key.startsWith(FACT_PREFIX) ? `"${key}" is a fact: only the agent can say it, nobody can set it` : undefined,
    ),
  ),
  labelValue,
);

/** The two ways to write a selector: as it is, and in a layout, where names and values may hold captures. */
export const selector = selectorSchema(labelValue, dnsLabel);
export const capturedSelector = selectorSchema(capturedLabelValue, capturedDnsLabel);

interface SelectorParts {
  readonly all?: boolean | undefined;
  readonly matchLabels?: Readonly<Record<string, string>> | undefined;
  readonly matchExpressions?: readonly { readonly key: string }[] | undefined;
  readonly names?: readonly string[] | undefined;
}

/** Which clusters. All given parts must hold; giving none is an error. */
function selectorSchema(value: z.ZodType<string, string>, name: z.ZodType<string, string>) {
  const requirement = z
    .strictObject({
      key: selectorKey.describe("Label of the cluster, or a fact (facts.axle.dev/…), which can only narrow."),
      operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
      values: z.array(value).optional().describe("For In and NotIn only."),
    })
    .superRefine(({ operator, values }, context) => {
      const takesValues = operator === "In" || operator === "NotIn";
      if (takesValues && (values === undefined || values.length === 0)) {
        context.addIssue({
          code: "custom",
          path: ["values"],
          message: `missing, ${operator} needs at least one value`,
        });
      }
      if (!takesValues && values !== undefined && values.length > 0) {
        context.addIssue({ code: "custom", path: ["values"], message: `${operator} takes no values; remove them` });
      }
    });
  const parts = {
    all: z.boolean().optional().describe("Every cluster."),
    matchLabels: z.record(selectorKey, value).optional().describe("All of these labels, with exactly these values."),
    matchExpressions: z.array(requirement).optional().describe("All of these must hold."),
    names: z.array(name).optional().describe("One of these clusters."),
  };
  const exclude = z
    .strictObject(parts)
    .superRefine((given, context) => {
      if (!selectsSomething(given)) {
        context.addIssue({ code: "custom", message: "excludes nothing; remove it, or say which clusters" });
      }
    })
    .describe("Clusters that are left out although the rest matches.");
  return z
    .strictObject({ ...parts, exclude: exclude.optional() })
    .superRefine((given, context) => {
      const fault = selectorFault(given, given.exclude !== undefined);
      if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
    })
    .describe("Which clusters. All given parts must hold; giving none is an error, everything is all: true.");
}

function selectorFault(parts: SelectorParts, excludes: boolean): string | undefined {
  if (!selectsSomething(parts)) {
    return excludes
      ? "exclude only takes clusters away; give matchLabels, matchExpressions or names, or add all: true"
      : "selects nothing; give matchLabels, matchExpressions or names, or write all: true for every cluster";
  }
  const named = parts.all === true || (parts.names ?? []).length > 0;
  if (!named && keysOf(parts).every((key) => key.startsWith(FACT_PREFIX))) {
    return "facts can only narrow a match; select by a label or a name too, or add all: true";
  }
  return undefined;
}

function selectsSomething(value: SelectorParts): boolean {
  return value.all === true || keysOf(value).length > 0 || (value.names ?? []).length > 0;
}

function keysOf(value: SelectorParts): readonly string[] {
  return [...Object.keys(value.matchLabels ?? {}), ...(value.matchExpressions ?? []).map(({ key }) => key)];
}

/** A check that gives its own words. */
export function refuse(faultOf: (value: string) => string | undefined) {
  return (value: string, context: z.RefinementCtx<string>): void => {
    const fault = faultOf(value);
    if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
  };
}
