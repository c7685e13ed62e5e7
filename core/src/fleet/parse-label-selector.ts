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

/** At commas, but not at those in parentheses. */
function splitRequirements(text: string): readonly string[] {
  if (text.trim() === "") return [];
  return text.split(/,(?![^(]*\))/).map((part) => part.trim());
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
