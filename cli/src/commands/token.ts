import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import type { CliContext } from "../context.ts";
import { addHubOption, connectToHub } from "../options/hub-option.ts";
import type { HubOption } from "../options/hub-option.ts";
import { addOutputOption } from "../options/output-option.ts";
import type { OutputOption } from "../options/output-option.ts";
import { collectLabels, durationMs, positiveInteger } from "../options/values.ts";
import { printValue } from "../output/print.ts";
import { formatLabels } from "../output/state.ts";
import { formatAge } from "../output/time.ts";
import type { CommandRegistration } from "../program.ts";

const DEFAULT_TTL_MS = 24 * 3_600_000;

interface CreateOptions extends HubOption, OutputOption {
  readonly label?: Readonly<Record<string, string>>;
  readonly name: string;
  readonly uses: number;
  readonly ttl: number;
  readonly manual?: boolean;
}

const HELP = `
Labels decide which apps a cluster gets, so it is the token that carries them, never the agent.

Examples:
  axle token create --name prod-1 --label env=prod --label region=eu
  axle token create --name 'edge-*' --label env=edge --uses 50 --ttl 7d --manual
  axle agent --token "$(axle token create --name dev-1 --label env=dev -o name)" --kubeconfig ~/.kube/config
`;

export function define(command: Command, { context, runs }: CommandRegistration): void {
  command.usage("create [options]").addHelpText("after", HELP);
  const create = command
    .command("create")
    .description("make a join token; it is shown once, the hub keeps a hash")
    .requiredOption("--name <name>", "the name the cluster gets, or a pattern such as 'edge-*'")
    .option("--label <key=value>", "a label the cluster gets (repeat it)", collectLabels)
    .option("--uses <n>", "how many clusters may join with it", positiveInteger, 1)
    .option("--ttl <duration>", "how long it works: 30m, 24h, 7d (default: 24h)", durationMs, DEFAULT_TTL_MS)
    .option("--manual", "a cluster that joins with it waits until a person says yes");
  addOutputOption(addHubOption(create), ["table", "name", "json", "yaml"]).addHelpText("after", HELP);
  create.action(runs((options: CreateOptions) => createToken(options, context)));
}

async function createToken(options: CreateOptions, context: CliContext): Promise<undefined> {
  const { name, uses, ttl: ttlMs } = options;
  const labels = options.label ?? {};
  if (uses > 1 && !name.includes("*")) {
    throw new CliError("usage", `a token for ${uses} clusters cannot give them all the name ${name}`, {
      remedy: `write a pattern: --name '${name}-*'`,
    });
  }
  using client = await connectToHub(options, context);
  const token = await client.createToken({ labels, name, uses, ttlMs, manualApproval: options.manual ?? false });
  if (options.output === "json" || options.output === "yaml") {
    await printValue(context, options.output, token);
    return;
  }
  context.out.write(`${token.token}\n`);
  if (options.output === "name") return;
  // Beside the token, not in it: `$(axle token create …)` gets the token alone.
  const who = uses === 1 ? `one cluster named ${name}` : `${uses} clusters named ${name}`;
  const granted = Object.keys(labels).length === 0 ? "no labels" : formatLabels(labels);
  context.err.write(
    `\nfor ${who}, with ${granted}; works for ${formatAge(ttlMs)}; keep it secret, it is not shown again\n` +
      `next, where a kubeconfig reaches that cluster:\n  axle agent --token TOKEN --kubeconfig ~/.kube/config\n`,
  );
}
