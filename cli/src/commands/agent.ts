import type { Command } from "commander";
import { JoinError } from "@axle/agent/join/join-error.ts";
import type { JoinErrorCode } from "@axle/agent/join/join-error.ts";
import { AGENT_CONFIG } from "@axle/agent/config.ts";
import { CliError } from "../cli-error.ts";
import type { CliErrorCode } from "../cli-error.ts";
import { addSchemaOptions, parseArguments } from "../options/schema-options.ts";
import type { CommandRegistration } from "../program.ts";

const HELP = `
It dials out only. The token is needed once, to join; afterwards the agent has an identity of its own.
Every option is also a variable of the environment; \`axle config agent -o wide\` lists them.

Examples:
  axle agent --token-file prod-1.token --kubeconfig ~/.kube/config
  axle agent --token "$(axle token create --name dev-1 --label env=dev -o name)" --kubeconfig ~/.kube/config
`;

export function define(command: Command, { context, runs }: CommandRegistration): void {
  addSchemaOptions(command, AGENT_CONFIG).addHelpText("after", HELP);
  command.action(
    runs(async () => {
      const config = parseArguments(command, AGENT_CONFIG, context);
      const { runAgent } = await import("@axle/agent/main.ts");
      try {
        await runAgent(config, context.signal);
      } catch (error) {
        throw error instanceof JoinError ? joinFailure(error) : error;
      }
      return undefined;
    }),
  );
}

const JOIN_CODES: Readonly<Record<JoinErrorCode, CliErrorCode>> = {
  "no-token": "usage",
  "bad-token": "bad-input",
  refused: "denied",
};

/** A refusal is for the person who started the agent: the hub's words, and no stack. */
function joinFailure(error: JoinError): CliError {
  return new CliError(JOIN_CODES[error.code], `this cluster cannot join: ${error.message}`, { cause: error });
}
