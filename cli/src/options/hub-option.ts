import type { Command } from "commander";
import type { FleetClient } from "../client/fleet-client.ts";
import type { CliContext } from "../context.ts";

export interface HubOption {
  readonly hub?: string;
}

/** `--hub FILE` for commands that talk to a hub. */
export function addHubOption(command: Command): Command {
  return command.option("--hub <file>", "the hub's client.json or its folder (else $AXLE_CLIENT, else ./.axle)");
}

/** Connects to the hub the user means; loads the gRPC client only now. */
export async function connectToHub(options: HubOption, context: CliContext): Promise<FleetClient> {
  const [{ loadClientConfig }, { FleetClient }] = await Promise.all([
    import("../client/client-config.ts"),
    import("../client/fleet-client.ts"),
  ]);
  return new FleetClient(await loadClientConfig(options.hub, context), context.signal);
}
