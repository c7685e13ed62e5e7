import { worseHealth } from "@axle/core/status/report.ts";
import type { AppReport, Health } from "@axle/core/status/report.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import { KeyedQueue } from "@axle/runtime/keyed-queue.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { AgentStore } from "./agent-store.ts";
import type { InventoryStore } from "./inventory-store.ts";

export interface StatusWriterOptions {
  readonly store: AgentStore;
  readonly inventories: InventoryStore;
  readonly log: Logger;
  /** Objects with our mark that are in no inventory and no pack. */
  readonly countStrays: () => number;
  /** How long changes are collected before they are written. */
  readonly delayMs?: number;
}

/** No app has this name. */
const AGENT_KEY = "";

/**
 * Writes how things stand into our custom resources, behind the work and seldom: for people with kubectl when the hub is away.
 * What stands there already, also from before a restart, is not written again; the stores see to that.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #delayMs: number;
  readonly #queue: KeyedQueue;
  readonly #apps = new Map<string, AppReport>();
  #applied: SliceNumber | undefined;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#delayMs = options.delayMs ?? 1_000;
    this.#queue = new KeyedQueue({
      name: "status",
      log: options.log,
      work: (key, signal) => this.#write(key, signal),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run(signal);
  }

  app(report: AppReport): void {
    this.#apps.set(report.app, report);
    this.#queue.addAfter(report.app, this.#delayMs);
    this.#queue.addAfter(AGENT_KEY, this.#delayMs);
  }

  appGone(app: string): void {
    this.#apps.delete(app);
    this.#queue.forget(app);
    this.#queue.addAfter(AGENT_KEY, this.#delayMs);
  }

  applied(number: SliceNumber): void {
    this.#applied = number;
    this.#queue.addAfter(AGENT_KEY, this.#delayMs);
  }

  async #write(key: string, signal: AbortSignal): Promise<void> {
    const { store, inventories } = this.#options;
    const status = key === AGENT_KEY ? this.#agentStatus() : this.#appStatus(key);
    if (status === undefined) return;
    if (key === AGENT_KEY) await store.writeStatus(status, signal);
    else await inventories.writeStatus(key, status, signal);
  }

  #agentStatus(): Readonly<Record<string, unknown>> {
    const reports = [...this.#apps.values()];
    const health = reports.map((report) => report.health).reduce<Health | undefined>(worseHealth, undefined);
    return {
      apps: reports.length,
      health: health ?? "",
      strays: this.#options.countStrays(),
      ...(this.#applied === undefined ? {} : { applied: this.#applied }),
    };
  }

  #appStatus(app: string): Readonly<Record<string, unknown>> | undefined {
    const report = this.#apps.get(app);
    if (report === undefined) return undefined;
    const { revision, commit, sync, health, objects } = report;
    const message = [report.message, report.healthMessage].filter(Boolean).join("; ");
    return { revision, commit, sync, health: health ?? "", objects, message };
  }
}
