import { join, resolve } from "node:path";
import type { Command } from "commander";
import { NatsIdentity } from "@axle/hub/adapters/nats/nats-identity.ts";
import { renderServerConfig } from "@axle/hub/adapters/nats/server-config.ts";
import { openHubKeys } from "@axle/hub/identity/hub-keys.ts";
import type { CliContext } from "../context.ts";
import { positiveInteger } from "../options/values.ts";
import type { CommandRegistration } from "../program.ts";

interface NatsConfigOptions {
  readonly data: string;
  readonly host: string;
  readonly port: number;
  readonly websocketPort?: number;
  readonly cert?: string;
  readonly key?: string;
  readonly store: string;
}

const HELP = `
A hub starts a nats-server of its own. To use one you run, give it this configuration: it knows the hub's operator and
accounts, and keeps what the hub tells it of agents. There is no secret in it. The hub's keys are made in --data when
there are none yet, so this can come before the hub's first start.

Examples:
  axle nats-config --data /var/lib/axle --store /var/lib/nats > nats.conf
  nats-server --config nats.conf
  axle hub --data /var/lib/axle --repo https://git.example.com/fleet.git --nats-url tls://nats.example.com:4222
`;

export function define(command: Command, { context, runs }: CommandRegistration): void {
  command
    .option("--data <dir>", "the hub's data folder", ".axle")
    .option("--host <address>", "address the server listens on", "0.0.0.0")
    .option("--port <port>", "port the server listens on", positiveInteger, 4222)
    .option("--websocket-port <port>", "also take agents over WebSocket here", positiveInteger)
    .option("--cert <file>", "the server's certificate, as the server sees it (default: the hub's)")
    .option("--key <file>", "the key of that certificate (default: the hub's)")
    .option("--store <dir>", "where the server keeps its data", "/var/lib/nats")
    .addHelpText("after", HELP);
  command.action(runs((options: NatsConfigOptions) => printNatsConfig(options, context)));
}

async function printNatsConfig(options: NatsConfigOptions, context: CliContext): Promise<undefined> {
  const dataDir = resolve(context.cwd, options.data);
  const keys = await openHubKeys({ dataDir, hosts: [], nowMs: context.nowMs() });
  const text = renderServerConfig(new NatsIdentity(keys.nats), {
    host: options.host,
    port: options.port,
    ...(options.websocketPort === undefined ? {} : { webSocketPort: options.websocketPort }),
    tls: {
      certFile: options.cert ?? join(keys.folder.path, "server.crt"),
      keyFile: options.key ?? join(keys.folder.path, "server.key"),
    },
    storeDir: options.store,
  });
  context.out.write(text);
}
