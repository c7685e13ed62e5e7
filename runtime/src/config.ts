import { parseOption } from "./config-option.ts";
import type { Option, OptionValue } from "./config-option.ts";

/** All options of one process by name. Names carry their unit (`pollMs`), flags and variables do not (`--poll 15s`). */
export type ConfigSchema = Readonly<Record<string, Option>>;

/** What a schema gives when parsed. */
export type Config<S extends ConfigSchema> = { readonly [K in keyof S]: OptionValue<S[K]> };

export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** From the command line, by option name. Wins over `env`. */
  readonly args?: Readonly<Record<string, unknown>>;
}

/** One thing wrong; `name` is what the user wrote or should write: `--poll (AXLE_POLL)`. */
export interface ConfigFault {
  readonly name: string;
  readonly message: string;
}

/** Every fault of a configuration at once. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "bad-config";
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(
      ["the configuration is not usable:", ...faults.map((fault) => `  ${fault.name}: ${fault.message}`)].join("\n"),
    );
    this.faults = faults;
  }
}

/** Declares a schema; the type keeps each option's own. */
export function defineConfig<const S extends ConfigSchema>(schema: S): S {
  return schema;
}

/** Parses once; frozen. Throws {@link ConfigError} with every fault. An empty variable counts as not set. */
export function parseConfig<S extends ConfigSchema>(schema: S, sources: ConfigSources): Config<S> {
  const values: Record<string, unknown> = {};
  const faults: ConfigFault[] = [];
  for (const name of Object.keys(sources.args ?? {})) {
    if (!Object.hasOwn(schema, name)) faults.push({ name, message: "is not an option" });
  }
  for (const [name, option] of Object.entries(schema)) {
    const given = sources.args?.[name] ?? (sources.env[option.env] || undefined);
    const where = `--${flagOf(name)} (${option.env})`;
    if (given === undefined) {
      if (option.required === true) faults.push({ name: where, message: `is needed: ${option.description}` });
      values[name] = option.default;
      continue;
    }
    const parsed = parseOption(option, given);
    if (parsed.ok) values[name] = parsed.value;
    else faults.push({ name: where, message: parsed.message });
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(values) as Config<S>;
}

export interface ConfigRow {
  readonly name: string;
  readonly flag: string;
  readonly env: string;
  readonly type: string;
  readonly default: string;
  /** As in use; secrets are not shown. */
  readonly value: string;
  readonly description: string;
}

/** The schema as a table, with the values in use where given: what `axle config` prints. */
export function describeConfig<S extends ConfigSchema>(schema: S, config?: Config<S>): readonly ConfigRow[] {
  return Object.entries(schema).map(([name, option]) => {
    const value = config === undefined ? option.default : config[name as keyof S];
    return {
      name,
      flag: `--${flagOf(name)}`,
      env: option.env,
      type: option.type === "choice" ? option.choices.join("|") : option.type,
      default: formatValue(option, option.default),
      value: option.secret === true && value !== undefined ? "(set)" : formatValue(option, value),
      description: option.description,
    };
  });
}

/** `pollMs` is `--poll`, `maxObjectBytes` is `--max-object`, `natsUrl` is `--nats-url`. */
export function flagOf(name: string): string {
  return name.replace(/(Ms|Bytes)$/, "").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function formatValue(option: Option, value: unknown): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) return value.map((item) => hideCredentials(String(item))).join(",");
  if (option.type === "duration") return formatDuration(Number(value));
  return typeof value === "string" ? hideCredentials(value) : JSON.stringify(value);
}

/** URLs keep everything but who logs in and how; an SSH user without password says nothing. */
function hideCredentials(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]*:\/\/)([^\s/]*)@/gi, (_whole, scheme: string, login: string) => {
    const isUserAlone = /^(git\+)?ssh:/i.test(scheme) && !login.includes(":");
    return isUserAlone ? `${scheme}${login}@` : `${scheme}***@`;
  });
}

function formatDuration(ms: number): string {
  if (ms > 0 && ms % 3_600_000 === 0) return `${ms / 3_600_000}h`;
  if (ms > 0 && ms % 60_000 === 0) return `${ms / 60_000}m`;
  if (ms % 1_000 === 0) return `${ms / 1_000}s`;
  return `${ms}ms`;
}
