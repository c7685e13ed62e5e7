import { Backoff } from "@axle/runtime/backoff.ts";
import type { BackoffOptions } from "@axle/runtime/backoff.ts";
import { StopError } from "@axle/runtime/stop-error.ts";
import type { DesiredState, Reconciler } from "./ports.ts";
import { SyncWishes } from "./sync-wishes.ts";

/** Passes over the cluster, one at a time and each for the newest state given; what ends one early is owed by the next. */
export class Passes {
  readonly #reconciler: Pick<Reconciler, "reconcile">;
  readonly #retry: Backoff;
  readonly #wishes = new SyncWishes();
  #desired: DesiredState | undefined;
  #running: AbortController | undefined;
  /** No pass for this state has ended yet: what each app came out as is not known. */
  #isFresh = true;

  constructor(reconciler: Pick<Reconciler, "reconcile">, backoff: BackoffOptions) {
    this.#reconciler = reconciler;
    this.#retry = new Backoff(backoff);
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** From now on the cluster is kept to this; a pass for what was before ends, whatever it waits for. */
  begin(desired: DesiredState): void {
    this.#desired = desired;
    this.#isFresh = true;
    this.#retry.reset();
    this.#end("a newer slice arrived");
  }

  /** The same, said otherwise: no pass ends for it. */
  reword(desired: DesiredState): void {
    this.#desired = desired;
  }

  /** The next pass is for these apps, or all; one that runs makes way. */
  ask(apps: readonly string[]): void {
    this.#wishes.add(apps);
    this.#end("somebody asked for a sync");
  }

  /** One pass. Wants another, with backoff, while something fails; throws what made it impossible. */
  async run(signal: AbortSignal): Promise<{ readonly againAfterMs: number } | void> {
    const desired = this.#desired;
    if (desired === undefined) return;
    const pass = new AbortController();
    const stop = () => pass.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    this.#running = pass;
    const apps = this.#wishes.among(desired.apps.map((app) => app.name));
    const asked = { apps, only: apps.size > 0 && !this.#isFresh };
    try {
      const { retry } = await this.#reconciler.reconcile(desired, pass.signal, asked);
      if (pass.signal.aborted) return;
      this.#isFresh = false;
      this.#wishes.clear();
      if (retry.length > 0) return { againAfterMs: this.#retry.nextMs() };
      this.#retry.reset();
    } catch (error) {
      this.#isFresh = true;
      if (!pass.signal.aborted || signal.aborted) throw error;
    } finally {
      this.#running = undefined;
      signal.removeEventListener("abort", stop);
    }
  }

  #end(reason: string): void {
    this.#running?.abort(new StopError("ended", reason));
  }
}
