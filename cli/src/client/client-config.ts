import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { CliError } from "../cli-error.ts";
import type { CliContext } from "../context.ts";

/** How to reach a hub and as whom; the hub writes it to `<data>/client.json` when it starts. */
export interface ClientConfig {
  /** host:port of the hub's gRPC listener. */
  readonly address: string;
  readonly caPem: string;
  /** Sent with every call. */
  readonly token: string;
}

const DEFAULT_FILE = join(".axle", "client.json");

/** Finds and reads the client file: the option, else `AXLE_CLIENT`, else `./.axle/client.json`. Each may name its folder. */
export async function loadClientConfig(
  option: string | undefined,
  context: Pick<CliContext, "env" | "cwd">,
): Promise<ClientConfig> {
  const fromEnv = context.env["AXLE_CLIENT"] || undefined;
  const origin = option !== undefined ? "--hub" : fromEnv !== undefined ? "AXLE_CLIENT" : undefined;
  const file = await fileOf(resolve(context.cwd, option ?? fromEnv ?? DEFAULT_FILE));
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "";
    const why = code === "EACCES" ? "you may not read it" : code === "ENOENT" ? "there is no such file" : code;
    throw new CliError("usage", `no hub to talk to: ${origin ?? "the default place"} is ${file}, and ${why}`, {
      remedy: "start a hub here with `axle hub --repo URL`, or name its client.json with --hub FILE or AXLE_CLIENT",
      cause,
    });
  }
  return parseConfig(text, file);
}

/** Whether anything says which hub is meant: an option, the environment, or a file in the default place. */
export async function namesHub(
  option: string | undefined,
  { env, cwd }: Pick<CliContext, "env" | "cwd">,
): Promise<boolean> {
  if (option !== undefined || (env["AXLE_CLIENT"] ?? "") !== "") return true;
  return (await stat(resolve(cwd, DEFAULT_FILE)).catch(() => undefined)) !== undefined;
}

async function fileOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() === true ? join(path, "client.json") : path;
}

function parseConfig(text: string, file: string): ClientConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CliError("bad-input", `${file} is not JSON`, {
      remedy: "copy it again from the hub's data folder",
      cause,
    });
  }
  const fields = value as Partial<Record<keyof ClientConfig, unknown>> | null;
  const missing = (["address", "caPem", "token"] as const).filter((name) => typeof fields?.[name] !== "string");
  if (missing.length > 0) {
    throw new CliError("bad-input", `${file} has no ${missing.join(", no ")}`, {
      remedy: "copy it again from the hub's data folder; it is written when the hub starts",
    });
  }
  return fields as ClientConfig;
}
