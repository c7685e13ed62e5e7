import { FACT_PREFIX, labelKeyFault, labelValueFault } from "@axle/core/fleet/label-syntax.ts";
import { CliError } from "../cli-error.ts";

/** Labels to set, and those to take away, of one cluster. */
export interface LabelChange {
  readonly set: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

/** `key=value` sets, `key-` takes away, as `kubectl label` writes it. Throws CliError "usage". */
export function parseLabelChange(words: readonly string[]): LabelChange {
  const set: Record<string, string> = {};
  const remove: string[] = [];
  for (const word of words.map((each) => each.trim())) {
    const at = word.indexOf("=");
    const removes = at < 0 && word.endsWith("-");
    const key = removes ? word.slice(0, -1) : word.slice(0, Math.max(0, at));
    const value = at < 0 ? "" : word.slice(at + 1);
    if (at < 1 && !removes) throw usage(`"${word}" changes no label`);
    const fault = labelKeyFault(key) ?? labelValueFault(value);
    if (fault !== undefined) throw usage(fault);
    if (key.startsWith(FACT_PREFIX)) throw usage(`"${key}" is a fact: only the agent can say it`);
    if (removes) remove.push(key);
    else set[key] = value;
  }
  const both = remove.find((key) => Object.hasOwn(set, key));
  if (both !== undefined) throw usage(`"${both}" is set and taken away`);
  return { set, remove };
}

/** `NAME,key=value,key-` of `--what-if`. Throws CliError "usage". */
export function parseNamedChange(text: string): { readonly cluster: string; readonly change: LabelChange } {
  const [cluster = "", ...words] = text.split(",");
  if (cluster === "" || cluster.includes("=")) throw usage(`"${text}" does not begin with the name of a cluster`);
  return { cluster, change: parseLabelChange(words) };
}

export function applyLabelChange(
  labels: Readonly<Record<string, string>>,
  { set, remove }: LabelChange,
): Readonly<Record<string, string>> {
  const kept = Object.entries(labels).filter(([key]) => !remove.includes(key));
  return { ...Object.fromEntries(kept), ...set };
}

function usage(message: string): CliError {
  return new CliError("usage", message, { remedy: "write key=value to set a label, key- to take it away" });
}
