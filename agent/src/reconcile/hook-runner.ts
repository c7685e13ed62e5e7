import { healthOf } from "@axle/core/health/health-of.ts";
import type { HealthVerdict } from "@axle/core/health/verdict.ts";
import { isRun } from "@axle/core/manifest/hook.ts";
import type { HookDeletion } from "@axle/core/manifest/hook.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { withDeadline } from "@axle/runtime/deadline.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import { isTimeout } from "@axle/runtime/stop-error.ts";
import { addressOf } from "../adapters/kube/kube-client.ts";
import { ownerOf } from "./adoption.ts";
import type { AppBoard } from "./app-board.ts";
import { describeId } from "./app-board.ts";
import type { AppClients } from "./app-clients.ts";
import type { AppHook } from "./app-order.ts";
import { isBeingDeleted, uidOf } from "./live-meta.ts";
import { FIELD_MANAGER, withMark } from "./ownership-mark.ts";
import { prepareObject } from "./prepare-object.ts";
import { ReconcileError } from "./reconcile-error.ts";

export interface HookRunnerOptions {
  readonly clients: AppClients;
  readonly cluster: string;
  readonly board: AppBoard;
  readonly now: () => number;
}

export interface HookRun {
  readonly app: string;
  /** Names the revision it runs for. */
  readonly run: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** On a hook's object: the run it was started by, see {@link runOf}. */
const RUN_ANNOTATION = "axle.dev/run";
const FIRST_LOOK_MS = 50;
const LONGEST_LOOK_MS = 1_000;
/** Of a throw-away name, so that the server says what it thinks of the object and not of the one that is there. */
const TRIAL_SUFFIX = "-axle-trial";
const LONGEST_TRIAL_NAME = 40;

/**
 * Runs hooks: objects that do something once, as a Job does. One that was begun for this very run is waited for, not
 * begun again, so a stop in between costs nothing; what an older run left is deleted first.
 */
export class HookRunner {
  readonly #options: HookRunnerOptions;

  constructor(options: HookRunnerOptions) {
    this.#options = options;
  }

  /** Asks the server whether it would take the hook. Throws what it says. */
  async tryOut(hook: AppHook, app: string, signal: AbortSignal): Promise<void> {
    const client = this.#options.clients.of(app);
    const prepared = this.#prepare(hook.source, { app, run: "" });
    const name = prepared.metadata.name.slice(0, LONGEST_TRIAL_NAME) + TRIAL_SUFFIX;
    const trial = isRun(prepared) ? { ...prepared, metadata: { ...prepared.metadata, name } } : prepared;
    await client.apply(trial, { dryRun: true, manager: FIELD_MANAGER, signal });
  }

  /** Resolves when the hook is through. Throws a ReconcileError `hook-failed` that says why it is not. */
  async run(hook: AppHook, request: HookRun): Promise<void> {
    const { board } = this.#options;
    const { app, timeoutMs, signal } = request;
    let last: HealthVerdict | undefined;
    try {
      await withDeadline({ timeoutMs, signal, what: `hook ${hook.id}` }, async (during) => {
        await this.#begin(hook, { ...request, signal: during });
        last = await this.#awaitEnd(hook, { ...request, signal: during });
      });
    } catch (error) {
      signal.throwIfAborted();
      if (!isTimeout(error)) throw error;
      const seconds = Math.round(timeoutMs / 1000);
      const { message } = board.healthOf(app);
      throw new ReconcileError(
        "hook-failed",
        `hook ${describeId(hook.id)} did not end within ${seconds} s: ${message}`,
        {
          cause: error,
        },
      );
    }
    if (last?.health !== "Degraded") {
      board.judge(app, hook.id, undefined);
      return;
    }
    await this.delete(hook, "failed", request);
    throw new ReconcileError("hook-failed", `hook ${describeId(hook.id)} failed: ${last.message}`);
  }

  /** Deletes the hook's object where its policy says so and it is ours. */
  async delete(hook: AppHook, when: HookDeletion, { app, signal }: Pick<HookRun, "app" | "signal">): Promise<void> {
    const { clients, cluster } = this.#options;
    const client = clients.of(app);
    if (!hook.order.deletions.has(when)) return;
    const live = await client.get(addressOf(hook.source), signal);
    if (live === undefined || isBeingDeleted(live) || ownerOf(live, cluster).kind !== "ours") return;
    await client.delete(addressOf(live), { uid: uidOf(live), signal });
  }

  async #begin(hook: AppHook, request: HookRun): Promise<void> {
    const { app, run, signal } = request;
    const client = this.#options.clients.of(app);
    const live = await client.get(addressOf(hook.source), signal);
    if (live !== undefined) {
      if (live.metadata.annotations?.[RUN_ANNOTATION] === run && !isBeingDeleted(live)) return;
      const isInTheWay = isRun(live) || hook.order.deletions.has("before-creation");
      if (isInTheWay) await this.#clear(hook, live, request);
      else this.#assertOurs(hook, live);
    }
    await client.apply(this.#prepare(hook.source, { app, run }), { manager: FIELD_MANAGER, signal });
  }

  /** Takes away what an older run left. */
  async #clear(hook: AppHook, live: KubeObject, { app, signal }: HookRun): Promise<void> {
    const { clients, cluster, board, now } = this.#options;
    const client = clients.of(app);
    this.#assertOurs(hook, live);
    if (ownerOf(live, cluster).kind === "nobody") {
      const health = healthOf(live, now())?.health;
      if (health === "Progressing") {
        throw new ReconcileError(
          "owned-by-other",
          `${describeId(hook.id)} was started by somebody else and still runs`,
        );
      }
      // S2: only what carries our mark is deleted.
      const { labels, annotations } = withMark(hook.source, { cluster, app }).metadata;
      await client.mergePatch(
        addressOf(live),
        { metadata: { labels, annotations } },
        { manager: FIELD_MANAGER, signal },
      );
    }
    if (!isBeingDeleted(live)) await client.delete(addressOf(live), { uid: uidOf(live), signal });
    for (let delayMs = FIRST_LOOK_MS; ; delayMs = Math.min(LONGEST_LOOK_MS, delayMs * 2)) {
      const left = await client.get(addressOf(live), signal);
      if (left === undefined || uidOf(left) !== uidOf(live)) return;
      board.judge(app, hook.id, healthOf(left, now()));
      await sleep(delayMs, signal);
    }
  }

  #assertOurs(hook: AppHook, live: KubeObject): void {
    const owner = ownerOf(live, this.#options.cluster);
    if (owner.kind !== "other") return;
    throw new ReconcileError("owned-by-other", `${describeId(hook.id)} is owned by ${owner.name}`);
  }

  /** Looks until it is through: a hook lasts seconds, and a look at one object is cheaper than a watch of its kind. */
  async #awaitEnd(hook: AppHook, { app, signal }: HookRun): Promise<HealthVerdict | undefined> {
    const { clients, board, now } = this.#options;
    const client = clients.of(app);
    for (let delayMs = FIRST_LOOK_MS; ; delayMs = Math.min(LONGEST_LOOK_MS, delayMs * 2)) {
      const live = await client.get(addressOf(hook.source), signal);
      if (live === undefined) {
        if (ttlOf(hook.source) !== undefined) return undefined;
        throw new ReconcileError("hook-failed", `hook ${describeId(hook.id)} was deleted before it ended`);
      }
      const verdict = healthOf(live, now());
      board.judge(app, hook.id, verdict);
      if (verdict === undefined || verdict.health === "Healthy" || verdict.health === "Degraded") return verdict;
      await sleep(delayMs, signal);
    }
  }

  #prepare(source: KubeObject, mark: { readonly app: string; readonly run: string }): KubeObject {
    const { metadata } = source;
    const annotations = { ...metadata.annotations, [RUN_ANNOTATION]: mark.run };
    return prepareObject(
      { ...source, metadata: { ...metadata, annotations } },
      { cluster: this.#options.cluster, app: mark.app },
    );
  }
}

/** A Job that cleans itself up may be gone before anybody sees it done. */
function ttlOf(job: KubeObject): unknown {
  const { spec } = job;
  return typeof spec === "object" && spec !== null && "ttlSecondsAfterFinished" in spec
    ? spec.ttlSecondsAfterFinished
    : undefined;
}
