interface OptionBase {
  readonly description: string;
  /** Name of the environment variable. */
  readonly env: string;
  /** There is no default that could work. */
  readonly required?: boolean;
  /** Never printed. */
  readonly secret?: boolean;
}

export interface TextOption extends OptionBase {
  readonly type: "text";
  readonly default?: string;
}

/** Comma-separated, or a repeated flag. */
export interface ListOption extends OptionBase {
  readonly type: "list";
  readonly default: readonly string[];
}

export interface IntegerOption extends OptionBase {
  readonly type: "integer";
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
}

/** Written `250ms`, `15s`, `5m`, `6h`; held in milliseconds. */
export interface DurationOption extends OptionBase {
  readonly type: "duration";
  readonly default?: number;
  readonly min?: number;
}

/** Written `1500000`, `512KiB`, `8MiB`, `1GiB`; held in bytes. */
export interface BytesOption extends OptionBase {
  readonly type: "bytes";
  readonly default?: number;
}

export interface FlagOption extends OptionBase {
  readonly type: "flag";
  readonly default: boolean;
}

export interface ChoiceOption extends OptionBase {
  readonly type: "choice";
  readonly choices: readonly string[];
  readonly default?: string;
}

export type Option = TextOption | ListOption | IntegerOption | DurationOption | BytesOption | FlagOption | ChoiceOption;

type Plain<O extends Option> = O extends ChoiceOption
  ? O["choices"][number]
  : O extends ListOption
    ? readonly string[]
    : O extends FlagOption
      ? boolean
      : O extends TextOption
        ? string
        : number;

/** The type an option parses to; undefined is possible only without default and without `required`. */
export type OptionValue<O extends Option> = O extends { readonly required: true }
  ? Plain<O>
  : O extends { readonly default: undefined }
    ? Plain<O> | undefined
    : O extends { readonly default: unknown }
      ? Plain<O>
      : Plain<O> | undefined;

export type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTE_UNITS: Readonly<Record<string, number>> = { "": 1, KiB: 1_024, MiB: 1_024 ** 2, GiB: 1_024 ** 3 };

/** Text (or a value the command line already typed) as the option's value, or what was found and expected. */
export function parseOption(option: Option, given: unknown): Parsed {
  switch (option.type) {
    case "text":
      return typeof given === "string" ? valid(given) : expected("text", given);
    case "list":
      return parseList(given);
    case "integer":
      return parseInteger(option, given);
    case "duration":
      return parseUnits(given, {
        units: DURATION_UNITS,
        expected: "a duration such as 250ms, 15s, 5m",
        min: option.min,
      });
    case "bytes":
      return parseUnits(given, { units: BYTE_UNITS, expected: "a size such as 512KiB, 8MiB", min: 0 });
    case "flag":
      return parseFlag(given);
    case "choice":
      return typeof given === "string" && option.choices.includes(given)
        ? valid(given)
        : expected(`one of ${option.choices.join(", ")}`, given);
  }
}

function parseList(given: unknown): Parsed {
  const parts = Array.isArray(given) ? given.map(String) : typeof given === "string" ? given.split(",") : undefined;
  if (parts === undefined) return expected("a comma-separated list", given);
  return valid(parts.map((part) => part.trim()).filter((part) => part !== ""));
}

function parseInteger(option: IntegerOption, given: unknown): Parsed {
  const number = typeof given === "number" ? given : /^-?\d+$/.test(String(given)) ? Number(given) : Number.NaN;
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = option;
  if (Number.isSafeInteger(number) && number >= min && number <= max) return valid(number);
  const range = [
    ...(option.min === undefined ? [] : [` from ${option.min}`]),
    ...(option.max === undefined ? [] : [` up to ${option.max}`]),
  ].join("");
  return expected(`a whole number${range}`, given);
}

function parseUnits(
  given: unknown,
  how: { units: Readonly<Record<string, number>>; expected: string; min: number | undefined },
): Parsed {
  if (typeof given === "number") return given >= (how.min ?? 0) ? valid(given) : expected(how.expected, given);
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(String(given)) ?? [];
  const factor = unit === undefined ? undefined : how.units[unit];
  if (digits === undefined || factor === undefined) return expected(how.expected, given);
  const value = Math.round(Number(digits) * factor);
  return value >= (how.min ?? 0) ? valid(value) : expected(`${how.expected}, at least ${how.min}`, given);
}

function parseFlag(given: unknown): Parsed {
  if (typeof given === "boolean") return valid(given);
  const text = String(given).toLowerCase();
  if (["true", "1", "yes", "on"].includes(text)) return valid(true);
  if (["false", "0", "no", "off"].includes(text)) return valid(false);
  return expected("true or false", given);
}

function valid(value: unknown): Parsed {
  return { ok: true, value };
}

function expected(what: string, given: unknown): Parsed {
  return { ok: false, message: `expected ${what}, found ${JSON.stringify(given)}` };
}
