import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { promisify } from "node:util";
import { withDeadline } from "@axle/runtime/deadline.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { sleep } from "@axle/runtime/sleep.ts";

const run = promisify(execFile);

/** Sends a signal, or asks with 0 whether the process is there. */
export type SendSignal = (pid: number, signal: "SIGTERM" | "SIGKILL" | 0) => void;

export interface StaleServerOptions {
  readonly pidFile: string;
  /** Path of the server's configuration: in its command line, or it is not ours. */
  readonly configFile: string;
  readonly log: Logger;
  readonly sendSignal: SendSignal;
}

/**
 * Ends a server of ours that outlived the hub that started it (killed with -9 in a way that its supervisor did not see):
 * it holds the port and the store. Known by its pid file, and ended only if its command line names our configuration.
 */
export async function endStaleServer(options: StaleServerOptions, signal: AbortSignal): Promise<void> {
  const { pidFile, configFile, log, sendSignal } = options;
  const pid = await readPid(pidFile);
  if (pid === undefined) return;
  if ((await commandLineOf(pid))?.includes(configFile) === true) {
    log.warn({ pid }, "ending a nats-server that an earlier hub left behind");
    await end(pid, sendSignal, signal);
  }
  await rm(pidFile, { force: true });
}

async function end(pid: number, sendSignal: SendSignal, signal: AbortSignal): Promise<void> {
  const isAlive = () => trySignal(sendSignal, pid, 0);
  const untilGone = async (deadline: AbortSignal) => {
    while (isAlive()) await sleep(20, deadline);
  };
  trySignal(sendSignal, pid, "SIGTERM");
  try {
    await withDeadline({ timeoutMs: 5_000, signal }, untilGone);
  } catch {
    signal.throwIfAborted();
    trySignal(sendSignal, pid, "SIGKILL");
    await withDeadline({ timeoutMs: 5_000, signal, what: `ending process ${pid}` }, untilGone);
  }
}

/** False when there is no such process (any more). */
function trySignal(sendSignal: SendSignal, pid: number, name: "SIGTERM" | "SIGKILL" | 0): boolean {
  try {
    sendSignal(pid, name);
    return true;
  } catch {
    return false;
  }
}

async function readPid(file: string): Promise<number | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}

async function commandLineOf(pid: number): Promise<string | undefined> {
  const fromProc = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => undefined);
  if (fromProc !== undefined) return fromProc.replaceAll("\0", " ");
  return run("ps", ["-o", "command=", "-p", String(pid)]).then(
    ({ stdout }) => stdout,
    () => undefined,
  );
}
