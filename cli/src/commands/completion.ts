import { Argument } from "commander";
import type { Command } from "commander";
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

/** What may follow a command line: path of commands -> words, with what they are. */
type Words = ReadonlyMap<string, readonly { readonly word: string; readonly about: string }[]>;

function wordsOf(program: Command): Words {
  const words = new Map<string, { word: string; about: string }[]>();
  const visit = (command: Command, path: string): void => {
    const entries = command.commands.map((child) => ({
      word: child.name(),
      about: child.summary() || child.description(),
    }));
    for (const option of command.options)
      entries.push({ word: option.long ?? option.flags, about: option.description });
    entries.push({ word: "--help", about: "show help with examples" });
    words.set(path, entries);
    for (const child of command.commands) visit(child, `${path} ${child.name()}`.trim());
  };
  visit(program, "");
  return words;
}

/** `get clusters --hub x` is about the path `get clusters`: words that are no option, as long as they name commands. */
function bashScript(words: Words): string {
  const cases = [...words].map(
    ([path, entries]) => `    "${path}") words="${entries.map(({ word }) => word).join(" ")}" ;;`,
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
  for (const [path, entries] of words) {
    const condition =
      path === ""
        ? "__fish_use_subcommand"
        : path
            .split(" ")
            .map((word) => `__fish_seen_subcommand_from ${word}`)
            .join("; and ");
    for (const { word, about } of entries) {
      const what = word.startsWith("--") ? `-l ${word.slice(2)}` : `-a ${word}`;
      lines.push(`complete -c axle -n '${condition}' ${what} -d '${about.replaceAll("'", "\\'")}'`);
    }
  }
  return `${lines.join("\n")}\n`;
}
