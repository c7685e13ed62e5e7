import { Command, CommanderError, Option } from "commander";
import { CliError, EXIT_CODES } from "./cli-error.ts";
import type { ExitCode } from "./cli-error.ts";
import type { CliContext, CommandResult } from "./context.ts";
import { formatError } from "./output/error.ts";

/** What a file in commands/ exports: it adds arguments, options, help and the action to a command that has its name. */
export interface CommandModule {
  define(command: Command, registration: CommandRegistration): void;
}

export interface CommandRegistration {
  readonly context: CliContext;
  /** Wraps an action so that what it returns becomes the exit code. */
  readonly runs: <Args extends unknown[]>(action: (...args: Args) => CommandResult) => (...args: Args) => Promise<void>;
  /** The whole program with every command in it, for what describes the others. */
  readonly describeAll: () => Promise<Command>;
}

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly group: string;
  readonly load: () => Promise<CommandModule>;
}

const LOOK = "Look at the fleet:";
const CHANGE = "Change the fleet:";
const OFFLINE = "Work on a checkout, without a hub:";
const RUN = "Run the parts:";
const REST = "Other:";

/** Only the command that is asked for is loaded, so that `axle --help` and small commands start fast. */
const COMMANDS: readonly CommandEntry[] = [
  { name: "get", summary: "list clusters or apps", group: LOOK, load: () => import("./commands/get.ts") },
  {
    name: "status",
    summary: "how the fleet, an app or a cluster is doing",
    group: LOOK,
    load: () => import("./commands/status.ts"),
  },
  {
    name: "timeline",
    summary: "what a commit did when, on every cluster",
    group: LOOK,
    load: () => import("./commands/timeline.ts"),
  },
  {
    name: "targets",
    summary: "which clusters an app reaches, which apps a cluster gets, why, and what if",
    group: LOOK,
    load: () => import("./commands/targets.ts"),
  },
  {
    name: "token",
    summary: "let a new cluster join",
    group: CHANGE,
    load: () => import("./commands/token.ts"),
  },
  {
    name: "cluster",
    summary: "let a cluster in, take one out, cut one off; label or add one in the checkout",
    group: CHANGE,
    load: () => import("./commands/cluster.ts"),
  },
  {
    name: "sync",
    summary: "have the hub and clusters look now",
    group: CHANGE,
    load: () => import("./commands/sync.ts"),
  },
  {
    name: "approve",
    summary: "see and allow deletions that wait for a person",
    group: CHANGE,
    load: () => import("./commands/approve.ts"),
  },
  {
    name: "validate",
    summary: "check a repository as the hub would",
    group: OFFLINE,
    load: () => import("./commands/validate.ts"),
  },
  {
    name: "render",
    summary: "print the objects a cluster would get",
    group: OFFLINE,
    load: () => import("./commands/render.ts"),
  },
  {
    name: "lock",
    summary: "pin what the repository names elsewhere",
    group: OFFLINE,
    load: () => import("./commands/lock.ts"),
  },
  {
    name: "health",
    summary: "say how objects in a file are",
    group: OFFLINE,
    load: () => import("./commands/health.ts"),
  },
  { name: "hub", summary: "run the hub", group: RUN, load: () => import("./commands/hub.ts") },
  { name: "agent", summary: "run the agent of a cluster", group: RUN, load: () => import("./commands/agent.ts") },
  {
    name: "nats-config",
    summary: "print a configuration for a NATS server you run",
    group: RUN,
    load: () => import("./commands/nats-config.ts"),
  },
  { name: "config", summary: "print every default and limit", group: REST, load: () => import("./commands/config.ts") },
  {
    name: "completion",
    summary: "print a completion script for a shell",
    group: REST,
    load: () => import("./commands/completion.ts"),
  },
  { name: "version", summary: "print the version", group: REST, load: () => import("./commands/version.ts") },
];

const HELP_AFTER = `
Examples:
  axle hub --repo https://git.example.com/fleet.git      start a hub
  axle token create --name prod-1 --label env=prod       let a cluster join
  axle get clusters                                      what joined, and how it is
  axle status shop                                       one app on all its clusters
  axle validate                                          check the checkout you stand in

A command finds its hub by --hub FILE, else $AXLE_CLIENT, else ./.axle/client.json.
Exit codes: 0 fine; 1 an answer that is not good (unhealthy, problems, a difference);
2 a usage or other error; 3 hub unreachable; 4 not allowed; 5 not found; 6 changed meanwhile.
`;

/** Runs `axle` with these arguments; never throws and never exits. */
export async function runCli(args: readonly string[], context: CliContext): Promise<ExitCode> {
  let result: ExitCode = EXIT_CODES.fine;
  const registration: CommandRegistration = {
    context,
    runs: (action) => {
      return async (...actionArgs) => {
        result = (await action(...actionArgs)) ?? EXIT_CODES.fine;
      };
    },
    describeAll: () => buildProgram(registration, () => true),
  };
  const verbose = args.includes("--verbose");
  try {
    // `axle help get` is what many type.
    const words = args[0] === "help" ? [...args.slice(1), "--help"] : args;
    const asked = words.find((arg) => COMMANDS.some(({ name }) => name === arg));
    const program = await buildProgram(registration, (name) => name === asked);
    await program.parseAsync([...words], { from: "user" });
    return result;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? EXIT_CODES.fine : EXIT_CODES.usage;
    }
    const isOwnError = error instanceof CliError && error.code !== "interrupted";
    if (context.signal.aborted && !isOwnError) return EXIT_CODES.interrupted;
    context.err.write(formatError(error, { verbose, colour: context.err.colour }));
    return error instanceof CliError ? EXIT_CODES[error.code] : EXIT_CODES.internal;
  }
}

async function buildProgram(registration: CommandRegistration, isWanted: (name: string) => boolean): Promise<Command> {
  const { context } = registration;
  const program = new Command("axle")
    .description("One Git repository drives a fleet of Kubernetes clusters.")
    .usage("COMMAND [options]")
    .option("--verbose", "show stack traces and details with errors")
    .helpOption("-h, --help", "show help; `axle COMMAND --help` shows examples")
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .showHelpAfterError("(axle --help shows what there is)")
    .configureOutput({
      writeOut: (text) => context.out.write(text),
      writeErr: (text) => context.err.write(text),
      getOutHelpWidth: () => Math.min(context.out.width ?? 100, 120),
      getErrHelpWidth: () => Math.min(context.err.width ?? 100, 120),
      getOutHasColors: () => context.out.colour,
      getErrHasColors: () => context.err.colour,
      outputError: (text, write) => write(text.replace(/^error: /, "axle: ")),
    })
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .exitOverride()
    .addHelpText("after", HELP_AFTER);
  for (const entry of COMMANDS) {
    const command = program.command(entry.name).description(entry.summary).helpGroup(entry.group);
    command.addOption(new Option("--verbose", "show stack traces and details with errors").hideHelp());
    command.helpCommand(false).showHelpAfterError(`(axle ${entry.name} --help shows examples)`);
    if (isWanted(entry.name)) (await entry.load()).define(command, registration);
  }
  return program;
}
