import { Argument } from "commander";
import type { Command, Option } from "commander";
import type { CommandRegistration } from "../program.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

const HELP = `
Examples:
  source <(axle completion bash)                              this shell
  axle completion zsh > "\${fpath[1]}/_axle"                   every zsh
  axle completion fish > ~/.config/fish/completions/axle.fish
`;

export function define(command: Command, { context, runs, describeAll }: CommandRegistration): void {
  command.addArgument(new Argument("<shell>", "which shell").choices(SHELLS)).addHelpText("after", HELP);
  command.action(
    runs(async (shell: Shell) => {
      const words = wordsOf(await describeAll());
      context.out.write(shell === "fish" ? fishScript(words) : shell === "zsh" ? zshScript(words) : bashScript(words));
      return undefined;
    }),
  );
}

interface Word {
  readonly word: string;
  readonly about: string;
}

interface Flag extends Word {
  readonly short?: string | undefined;
  /** Undefined: it takes nothing. Empty: nobody knows what. */
  readonly takes?: readonly string[];
  readonly takesFile: boolean;
}

/** What may follow a command line. */
interface Level {
  readonly commands: readonly Word[];
  readonly flags: readonly Flag[];
  /** What its arguments may be. */
  readonly choices: readonly string[];
  readonly takesFolder: boolean;
}

/** By the path of commands: `cluster label`. */
type Words = ReadonlyMap<string, Level>;

const HELP_FLAG: Flag = { word: "--help", about: "show help with examples", takesFile: false };

function wordsOf(program: Command): Words {
  const words = new Map<string, Level>();
  const visit = (command: Command, path: string): void => {
    words.set(path, {
      commands: command.commands.map((child) => ({
        word: child.name(),
        about: child.summary() || child.description(),
      })),
      flags: [...command.options.map(flagOf), HELP_FLAG],
      choices: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
      takesFolder: command.registeredArguments.some((argument) => argument.name() === "dir"),
    });
    for (const child of command.commands) visit(child, `${path} ${child.name()}`.trim());
  };
  visit(program, "");
  return words;
}

function flagOf({ short, long, flags, description, required, optional, argChoices }: Option): Flag {
  return {
    word: long ?? flags,
    about: description,
    short: short?.slice(1),
    takesFile: /<(file|dir|path)>/.test(flags),
    ...((required || optional) && { takes: argChoices ?? [] }),
  };
}

/** `get clusters --hub x` is about the path `get clusters`: words that are no option, as long as they name commands. */
function bashScript(words: Words): string {
  const cases = [...words].map(([path, { commands, flags, choices }]) => {
    const all = [...commands.map(({ word }) => word), ...choices, ...flags.map(({ word }) => word)];
    return `    "${path}") words="${all.join(" ")}" ;;`;
  });
  const values = [...words].flatMap(([path, { flags }]) =>
    flags.flatMap(({ word, short, takes }) => {
      if (takes === undefined) return [];
      const names = short === undefined ? [word] : [`-${short}`, word];
      return [`    ${names.map((name) => `"${path} ${name}"`).join(" | ")}) words="${takes.join(" ")}" ;;`];
    }),
  );
  return `# axle completion for bash
_axle() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
${[...words.keys()]
  .filter(Boolean)
  .map((path) => `      "${path}")`)
  .join("\n")} path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  case "$path \${COMP_WORDS[COMP_CWORD-1]}" in
${values.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ \${#COMPREPLY[@]} -eq 0 ] && COMPREPLY=($(compgen -f -- "$current"))
}
complete -F _axle axle
`.replaceAll('")\n      "', '" | "');
}

function zshScript(words: Words): string {
  return `#compdef axle\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(words)}`;
}

function fishScript(words: Words): string {
  const lines = ["# axle completion for fish", "complete -c axle -f"];
  for (const [path, { commands, flags, choices, takesFolder }] of words) {
    const condition =
      path === ""
        ? "__fish_use_subcommand"
        : path
            .split(" ")
            .map((word) => `__fish_seen_subcommand_from ${word}`)
            .join("; and ");
    const start = `complete -c axle -n '${condition}'`;
    for (const { word, about } of commands) lines.push(`${start} -a ${word} ${describe(about)}`);
    for (const flag of flags) lines.push(`${start} ${fishFlag(flag)} ${describe(flag.about)}`);
    if (choices.length > 0) lines.push(`${start} -a '${choices.join(" ")}'`);
    if (takesFolder) lines.push(`${start} -F`);
  }
  return `${lines.join("\n")}\n`;
}

function fishFlag({ word, short, takes, takesFile }: Flag): string {
  const name = `${short === undefined ? "" : `-s ${short} `}-l ${word.slice(2)}`;
  if (takes === undefined) return name;
  if (takes.length > 0) return `${name} -x -a '${takes.join(" ")}'`;
  return `${name} ${takesFile ? "-r -F" : "-x"}`;
}

function describe(about: string): string {
  return `-d '${about.replaceAll("'", "\\'")}'`;
}
