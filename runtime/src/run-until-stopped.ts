import { race, withDeadline } from "./deadline.ts";
import type { Logger } from "./logger.ts";
import type { Service } from "./service.ts";
import { StopError } from "./stop-error.ts";

/** The part of `process` that is needed, so that a test can press the keys. */
export interface SignalSource {
  on(event: "SIGTERM" | "SIGINT", listener: () => void): unknown;
  off(event: "SIGTERM" | "SIGINT", listener: () => void): unknown;
  exit(code: number): void;
}

export interface RunOptions {
  readonly process: SignalSource;
  readonly log: Logger;
  /** How long a group may take to stop before the next one is stopped anyway. */
  readonly graceMs?: number;
  /** Stops everything from inside, e.g. in tests. */
  readonly signal?: AbortSignal;
}

/**
 * Runs all services of all groups at once until SIGTERM, SIGINT, the signal, or until any of them ends; then stops the
 * groups in the order given, each when the one before has stopped (what listens first, what others depend on last).
 * A second SIGTERM or SIGINT ends the process at once. Rejects with the error of the service that broke; a service that
 * ends unasked is an error too.
 */
export async function runUntilStopped(groups: readonly (readonly Service[])[], options: RunOptions): Promise<void> {
  const { process, log, graceMs = 10_000 } = options;
  const stop = new AbortController();
  const onSignal = (name: "SIGTERM" | "SIGINT") => () => {
    if (stop.signal.aborted) {
      log.warn({ signal: name }, "stopping at once");
      process.exit(name === "SIGINT" ? 130 : 143);
      return;
    }
    log.info({ signal: name }, "stopping");
    stop.abort(new StopError("signal", `received ${name}`));
  };
  const listeners = (["SIGTERM", "SIGINT"] as const).map((name) => [name, onSignal(name)] as const);
  const onOuter = () => stop.abort(options.signal?.reason);
  for (const [name, listener] of listeners) process.on(name, listener);
  options.signal?.addEventListener("abort", onOuter, { once: true });
  if (options.signal?.aborted === true) onOuter();

  const failures: unknown[] = [];
  const started = groups.map((services) =>
    startGroup(services, (error) => {
      failures.push(error);
      stop.abort(error);
    }),
  );
  try {
    await untilAborted(stop.signal);
    for (const group of started) await stopGroup(group, { reason: stop.signal.reason, graceMs, log });
  } finally {
    for (const [name, listener] of listeners) process.off(name, listener);
    options.signal?.removeEventListener("abort", onOuter);
  }
  if (failures.length > 0) throw failures[0];
}

interface StartedGroup {
  readonly names: readonly string[];
  readonly controller: AbortController;
  readonly ended: Promise<unknown>;
}

function startGroup(services: readonly Service[], onFailure: (error: unknown) => void): StartedGroup {
  const controller = new AbortController();
  const runs = services.map(async (service) => {
    try {
      await service.run(controller.signal);
      if (!controller.signal.aborted) throw new StopError("ended", `${service.name} ended unasked`);
    } catch (error) {
      if (!isOrderlyStop(error, controller.signal)) onFailure(error);
    }
  });
  return { names: services.map((service) => service.name), controller, ended: Promise.all(runs) };
}

/** A service may reject with the reason it was stopped for; anything else it throws is a failure. */
function isOrderlyStop(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  return error === signal.reason || (error instanceof Error && error.name === "AbortError");
}

async function stopGroup(group: StartedGroup, how: { reason: unknown; graceMs: number; log: Logger }): Promise<void> {
  group.controller.abort(how.reason);
  try {
    await withDeadline({ timeoutMs: how.graceMs }, (signal) => race(group.ended, signal));
  } catch {
    how.log.warn({ services: group.names, graceMs: how.graceMs }, "services did not stop in time");
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
