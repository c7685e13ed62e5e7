import { labelKeyFault, labelValueFault } from "./label-syntax.ts";
import type { ClusterSelector, LabelRequirement } from "./selector.ts";

export class LabelSelectorError extends Error {
  override readonly name = "LabelSelectorError";
  readonly code = "label-selector";
}

/**
 * A selector in kubectl's words: `env=prod,region in (eu, us),tier!=db,canary,!legacy`. An empty text selects every
 * cluster, as it does for kubectl. Throws {@link LabelSelectorError}.
 */
export function parseLabelSelector(text: string): ClusterSelector {
  const requirements = splitRequirements(text).map((part) => parseRequirement(part, text));
  return { all: requirements.length === 0, matchLabels: {}, matchExpressions: requirements, names: [] };
}

/** At commas, but not at those in parentheses. One pass: a regular expression that looks ahead takes the square of it. */
function splitRequirements(text: string): readonly string[] {
  if (text.trim() === "") return [];
  const parts: string[] = [];
  let start = 0;
  let isInside = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === "(") isInside = true;
    else if (character === ")") isInside = false;
    else if (character === "," && !isInside) {
      parts.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  return [...parts, text.slice(start).trim()];
}

const SET = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/;
const EQUALITY = /^([^\s=!]+)\s*(==|=|!=)\s*([^\s=!]*)$/;
const EXISTENCE = /^(!?)\s*([^\s=!()]+)$/;

function parseRequirement(part: string, text: string): LabelRequirement {
  const set = SET.exec(part);
  if (set !== null) {
    const values = (set[3] as string).split(",").map((value) => value.trim());
    return checked({ key: set[1] as string, operator: set[2] === "in" ? "In" : "NotIn", values });
  }
  const equality = EQUALITY.exec(part);
  if (equality !== null) {
    const operator = equality[2] === "!=" ? "NotIn" : "In";
    return checked({ key: equality[1] as string, operator, values: [equality[3] as string] });
  }
  const existence = EXISTENCE.exec(part);
  if (existence !== null) {
    return checked({
      key: existence[2] as string,
      operator: existence[1] === "!" ? "DoesNotExist" : "Exists",
      values: [],
    });
  }
  const found = part === "" ? `an empty part in "${text}"` : `"${part}"`;
  throw new LabelSelectorError(
    `found ${found}, expected key=value, key!=value, key in (a, b), key notin (a, b), key or !key, separated by commas`,
  );
}

function checked(requirement: LabelRequirement): LabelRequirement {
  const fault = [labelKeyFault(requirement.key), ...requirement.values.map(labelValueFault)].find(
    (one) => one !== undefined,
  );
  if (fault !== undefined) throw new LabelSelectorError(fault);
  return requirement;
}
