/** The agent's composition root: config -> cluster -> lease -> join -> the loop -> run until stopped. */
import { readFile } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { flagOf, parseConfig } from "@axle/runtime/config.ts";
import { createLogger, type Logger } from "@axle/runtime/logger.ts";
import { runUntilStopped, type SignalSource } from "@axle/runtime/run-until-stopped.ts";
import { type Service, serviceOf } from "@axle/runtime/service.ts";
import { openCluster, type ProcessView } from "./compose/open-cluster.ts";
import { openWork } from "./compose/open-work.ts";
import { AGENT_CONFIG, type AgentConfig } from "./config.ts";
import { Vitals } from "./vitals.ts";

/** Runs an agent until the signal aborts or the process is told to stop. Rejects with what makes it impossible to run. */
export async function runAgent(given: AgentConfig, signal: AbortSignal): Promise<void> {
  const config = { ...given, data: resolve(given.data) };
  const log = createLogger({ destination: process.stderr, level: config.logLevel, format: config.logFormat });
  const view = { env: process.env, pid: process.pid, hostname: hostname(), homeFolder: homedir(), isAlive };
  const vitals = new Vitals();
  const endpoints = await openEndpoints(config, vitals, log);
  const lead = leadService({ config, view, vitals, log });
  await runUntilStopped([[lead], endpoints], { process, log, signal });
}

function leadService(options: {
  readonly config: AgentConfig;
  readonly view: ProcessView;
  readonly vitals: Vitals;
  readonly log: Logger;
}): Service {
  const { config, view, vitals, log } = options;
  return serviceOf("agent", async (signal) => {
    using cluster = await openCluster(config, view, log);
    await cluster.lease.hold(async (leadership) => {
      const { incarnation } = leadership;
      const token = await readToken(config);
      const work = await openWork({ config, cluster, token, incarnation, log }, leadership.signal);
      vitals.begin(work);
      try {
        await runUntilStopped(work.groups, { process: NO_SIGNALS, log, signal: leadership.signal });
      } finally {
        vitals.end();
        await work.cache.settled();
      }
    }, signal);
  });
}

/** The process's signals are heard once, outside. */
const NO_SIGNALS: SignalSource = { on: () => undefined, off: () => undefined, exit: () => undefined };

/** Metrics take memory that an agent nobody asks need not spend. */
async function openEndpoints(config: AgentConfig, vitals: Vitals, log: Logger): Promise<readonly Service[]> {
  if (config.healthPort === undefined) return [];
  const { HealthEndpoints } = await import("./health-endpoints.ts");
  return [new HealthEndpoints({ port: config.healthPort, host: config.healthListen, vitals, log })];
}

async function readToken(config: AgentConfig): Promise<string | undefined> {
  if (config.tokenFile === undefined) return config.token;
  return (await readFile(config.tokenFile, "utf8")).trim();
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

if (import.meta.main) {
  const options = Object.keys(AGENT_CONFIG).map((name) => [flagOf(name), { type: "string" }] as const);
  const { values } = parseArgs({ options: Object.fromEntries(options) });
  const names = new Map(Object.keys(AGENT_CONFIG).map((name) => [flagOf(name), name]));
  const args = Object.fromEntries(Object.entries(values).map(([flag, value]) => [names.get(flag) ?? flag, value]));
  try {
    await runAgent(parseConfig(AGENT_CONFIG, { env: process.env, args }), new AbortController().signal);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
