import { Backoff } from "@axle/runtime/backoff.ts";
import { silentLogger } from "@axle/runtime/logger.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import type { AppReport } from "@axle/core/status/report.ts";
import type { KubeAccess } from "../adapters/kube/kube-access.ts";
import { KubeClient } from "../adapters/kube/kube-client.ts";
import type { DesiredState } from "../ports.ts";
import { KubeReconciler } from "../reconcile.ts";

/**
 * A reconciler driven as the agent's loop drives it: a newer slice pre-empts the pass that runs, what failed is tried again
 * soon. To kill it is to leave it where it is.
 */
export class DrivenAgent {
  readonly reports = new Map<string, AppReport>();
  readonly reconciler: KubeReconciler;
  readonly #client: KubeClient;
  readonly #stop = new AbortController();
  readonly #ended: Promise<unknown>;
  #slice: DesiredState | undefined;
  #pass = new AbortController();
  #isWanted = false;
  #isBusy = false;
  #failure: unknown;
  #wake: () => void = () => undefined;

  constructor(access: KubeAccess) {
    this.#client = new KubeClient(access);
    this.reconciler = new KubeReconciler({
      client: this.#client,
      cluster: "cluster-1",
      log: silentLogger,
      onPassWanted: () => this.#want(),
      events: {
        app: (report) => this.reports.set(report.app, report),
        appGone: (app) => this.reports.delete(app),
        step: () => undefined,
        left: () => undefined,
      },
    });
    const { signal } = this.#stop;
    this.#ended = Promise.allSettled([this.reconciler.watch(signal), this.#run(signal)]);
  }

  /** What the agent is kept to now. */
  get slice(): DesiredState | undefined {
    return this.#slice;
  }

  /** Nothing runs, and nothing is left to be tried again. */
  get isIdle(): boolean {
    return !this.#isBusy && !this.#isWanted;
  }

  /** For the message of a test that waits for it. */
  describe(): string {
    const said = [...this.reports.values()].map(
      ({ app, sync, message, health, healthMessage, pruning }) =>
        `${app} ${sync} ${message} ${health ?? ""} ${healthMessage} ${pruning.join()}`,
    );
    return `${this.#isBusy ? "in a pass" : "between passes"}, last failure ${String(this.#failure)}: ${said.join("; ")}`;
  }

  adopt(slice: DesiredState): void {
    this.#slice = slice;
    this.#pass.abort(new Error("a newer slice"));
    this.#want();
  }

  async kill(): Promise<void> {
    this.#stop.abort(new Error("killed"));
    this.#pass.abort(new Error("killed"));
    this.#wake();
    this.#client[Symbol.dispose]();
    await this.#ended;
  }

  #want(): void {
    this.#isWanted = true;
    this.#wake();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ firstMs: 10, longestMs: 300 });
    while (!signal.aborted) {
      const slice = this.#slice;
      if (!this.#isWanted || slice === undefined) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      this.#isWanted = false;
      this.#isBusy = true;
      this.#pass = new AbortController();
      const during = AbortSignal.any([signal, this.#pass.signal]);
      const again = await this.reconciler.reconcile(slice, during).then(
        ({ retry }) => retry.length > 0,
        (error: unknown) => {
          this.#failure = error;
          return true;
        },
      );
      if (again) await sleep(backoff.nextMs(), during).catch(() => undefined);
      else backoff.reset();
      this.#isWanted ||= again;
      this.#isBusy = false;
    }
  }
}
