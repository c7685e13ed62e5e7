import { dirname, join } from "node:path";
import type { Command } from "commander";
import { HUB_CONFIG } from "@axle/hub/config.ts";
import type { HubAddresses } from "@axle/hub/main.ts";
import type { CliContext } from "../context.ts";
import { addSchemaOptions, parseArguments } from "../options/schema-options.ts";
import type { CommandRegistration } from "../program.ts";

const HELP = `
Without --nats-url it starts and supervises a NATS server of its own. Everything it must not lose is in --data.
Every option is also a variable of the environment; \`axle config hub -o wide\` lists them.

Examples:
  axle hub --repo https://git.example.com/fleet.git
  axle hub --repo /srv/git/fleet.git --branch main --data /var/lib/axle --advertise hub.example.com
  axle hub --repo https://git.example.com/fleet.git --nats-url tls://nats-1:4222,tls://nats-2:4222

A push hook makes it look at once: POST to /hooks/git of its HTTP port, signed with the secret in DATA/keys/hook.secret
as GitHub, Gitea and GitLab do. Without one it polls.
`;

export function define(command: Command, { context, runs }: CommandRegistration): void {
  addSchemaOptions(command, HUB_CONFIG).addHelpText("after", HELP);
  command.action(
    runs(async () => {
      const config = parseArguments(command, HUB_CONFIG, context);
      const { runHub } = await import("@axle/hub/main.ts");
      await runHub(config, context.signal, (addresses) => showNextSteps(addresses, context));
      return undefined;
    }),
  );
}

/** For a person who started it by hand; what a supervisor collects is the log alone. */
function showNextSteps({ grpc, http, clientFile }: HubAddresses, context: CliContext): void {
  if (context.err.width === undefined) return;
  const isDefault = clientFile === join(context.cwd, ".axle", "client.json");
  const hub = isDefault ? "" : ` --hub ${clientFile}`;
  context.err.write(`
The hub is up at ${grpc}. In another terminal:
  axle token create --name NAME --label KEY=VALUE${hub}
  axle agent --token TOKEN --kubeconfig ~/.kube/config
  axle status${hub}
Push hooks go to ${http}/hooks/git, signed with the secret in ${join(dirname(clientFile), "keys", "hook.secret")}.

`);
}
