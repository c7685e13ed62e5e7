/** The agent's composition root: config -> cluster -> lease -> join -> the loop -> run until stopped. */
import { homedir, hostname } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { flagOf, parseConfig } from "@axle/runtime/config.ts";
import { createLogger, type Logger } from "@axle/runtime/logger.ts";
import { runUntilStopped } from "@axle/runtime/run-until-stopped.ts";
import type { Service } from "@axle/runtime/service.ts";
import { leadCluster } from "./compose/lead-cluster.ts";
import { AGENT_CONFIG, type AgentConfig } from "./config.ts";
import { Vitals } from "./vitals.ts";

/** Runs an agent until the signal aborts or the process is told to stop. Rejects with what makes it impossible to run. */
export async function runAgent(given: AgentConfig, signal: AbortSignal): Promise<void> {
  const config = { ...given, data: resolve(given.data) };
  const log = createLogger({ destination: process.stderr, level: config.logLevel, format: config.logFormat });
  const view = { env: process.env, pid: process.pid, hostname: hostname(), homeFolder: homedir(), isAlive };
  const vitals = new Vitals();
  const endpoints = await openEndpoints(config, vitals, log);
  const lead = leadCluster({ config, view, vitals, log });
  await runUntilStopped([[lead], endpoints], { process, log, signal });
}

/** Metrics take memory that an agent nobody asks need not spend. */
async function openEndpoints(config: AgentConfig, vitals: Vitals, log: Logger): Promise<readonly Service[]> {
  if (config.healthPort === undefined) return [];
  const { HealthEndpoints } = await import("./health-endpoints.ts");
  return [new HealthEndpoints({ port: config.healthPort, host: config.healthListen, vitals, log })];
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Runs an agent as flags and environment say; what makes that impossible is said in one line. */
export async function startAgent(): Promise<void> {
  try {
    const options = Object.keys(AGENT_CONFIG).map((name) => [flagOf(name), { type: "string" }] as const);
    const { values } = parseArgs({ options: Object.fromEntries(options) });
    const names = new Map(Object.keys(AGENT_CONFIG).map((name) => [flagOf(name), name]));
    const args = Object.fromEntries(Object.entries(values).map(([flag, value]) => [names.get(flag) ?? flag, value]));
    await runAgent(parseConfig(AGENT_CONFIG, { env: process.env, args }), new AbortController().signal);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

if (import.meta.main) await startAgent();
