import { idOf } from "@axle/core/manifest/object.ts";
import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import { Backoff } from "@axle/runtime/backoff.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { SayOnce } from "@axle/runtime/say-once.ts";
import { sleep as realSleep } from "@axle/runtime/sleep.ts";
import type { Sleep } from "@axle/runtime/sleep.ts";
import type { ApiResource } from "../adapters/kube/discovery.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import { resourceVersionOf } from "./live-meta.ts";
import { APP_LABEL } from "./ownership-mark.ts";

/** `apiVersion/Kind`. */
export type KindKey = string;

/** Told of what we own as it changes. */
export interface OwnedSink {
  seen(live: KubeObject): void;
  /** Deleted, or our label was taken off. */
  gone(last: KubeObject): void;
  /** Everything of a kind that was there at `resourceVersion`: what is known to be older and not among `ids` is gone. */
  listed(kind: KindKey, ids: ReadonlySet<ObjectId>, resourceVersion: string): void;
}

export interface OwnedWatchesOptions {
  readonly client: KubeClient;
  readonly sink: OwnedSink;
  readonly log: Logger;
  readonly sleep?: Sleep;
  readonly random?: () => number;
}

interface Running {
  readonly controller: AbortController;
  readonly done: Promise<void>;
  live: boolean;
}

/** Beside the load balancers that cut idle connections at five minutes. */
const WATCH_SECONDS = 280;
/** Until a kind that cannot be watched is looked at again: whoever serves it may be newer then. */
const UNWATCHABLE_MS = 10 * 60_000;
/** One that ends sooner, without an error, is tried again with backoff like one that failed. */
const SHORTEST_WATCH_MS = 1_000;

/**
 * One watch for each kind that we own something of, filtered by our label: list once, then follow; after a break from
 * where it stopped, after 410 Gone from a new list. Never lists what is not ours.
 */
export class OwnedWatches {
  readonly #options: OwnedWatchesOptions;
  readonly #sleep: Sleep;
  readonly #random: () => number;
  readonly #wanted = new Set<KindKey>();
  readonly #running = new Map<KindKey, Running>();
  #signal: AbortSignal | undefined;

  constructor(options: OwnedWatchesOptions) {
    this.#options = options;
    this.#sleep = options.sleep ?? realSleep;
    this.#random = options.random ?? Math.random;
  }

  /** Whether changes of this kind reach the sink right now. */
  isLive(kind: KindKey): boolean {
    return this.#running.get(kind)?.live === true;
  }

  /** The kinds to watch from now on. */
  want(kinds: Iterable<KindKey>): void {
    const next = new Set(kinds);
    for (const kind of this.#wanted) {
      if (next.has(kind)) continue;
      this.#wanted.delete(kind);
      this.#running.get(kind)?.controller.abort();
      this.#running.delete(kind);
    }
    for (const kind of next) this.#wanted.add(kind);
    this.#startWanted();
  }

  /** Watches until stopped. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    this.#startWanted();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    this.#signal = undefined;
    const running = [...this.#running.values()];
    this.#running.clear();
    for (const { controller } of running) controller.abort();
    await Promise.all(running.map(({ done }) => done));
  }

  #startWanted(): void {
    if (this.#signal === undefined) return;
    for (const kind of this.#wanted) {
      if (this.#running.has(kind)) continue;
      const controller = new AbortController();
      this.#running.set(kind, { controller, live: false, done: this.#follow(kind, controller.signal) });
    }
  }

  async #follow(kind: KindKey, signal: AbortSignal): Promise<void> {
    const log = this.#options.log.child({ kind });
    const saying = new SayOnce(log);
    const backoff = new Backoff({ firstMs: 200, longestMs: 30_000 });
    let from: string | undefined;
    const advance = (resourceVersion: string) => {
      from = resourceVersion;
      backoff.reset();
      saying.recovered("watching again");
    };
    while (!signal.aborted) {
      try {
        const resource = await this.#resourceOf(kind);
        if (from === undefined) advance(await this.#list(kind, resource, signal));
        this.#setLive(kind, true);
        const sinceMs = performance.now();
        await this.#watch(resource, { from: from ?? "", advance, signal });
        if (performance.now() - sinceMs < SHORTEST_WATCH_MS) await this.#sleep(backoff.nextMs(), signal);
      } catch (error) {
        this.#setLive(kind, false);
        if (signal.aborted) return;
        const failure = KubeError.from(error);
        if (failure.code === "gone" || failure.code === "kind-unknown") from = undefined;
        if (failure.code === "not-supported") {
          saying.failed(failure, "kind cannot be watched, compared from time to time");
          await this.#sleep(UNWATCHABLE_MS, signal).catch(() => undefined);
          continue;
        }
        if (failure.code !== "gone") saying.failed(failure, "watch broke, trying again");
        await this.#sleep(backoff.nextMs(), signal).catch(() => undefined);
      }
    }
  }

  async #resourceOf(kind: KindKey): Promise<ApiResource> {
    const slash = kind.lastIndexOf("/");
    const resource = await this.#options.client.discovery.find(kind.slice(0, slash), kind.slice(slash + 1));
    if (resource.watchable) return resource;
    throw new KubeError("not-supported", `${resource.kind} cannot be watched`);
  }

  async #list(kind: KindKey, resource: ApiResource, signal: AbortSignal): Promise<string> {
    const { client, sink } = this.#options;
    const ids = new Set<ObjectId>();
    let resourceVersion = "";
    for await (const page of client.list(resource, { labelSelector: APP_LABEL, signal })) {
      for (const item of page.items) {
        ids.add(idOf(item));
        sink.seen(item);
      }
      resourceVersion = page.resourceVersion;
    }
    sink.listed(kind, ids, resourceVersion);
    return resourceVersion;
  }

  async #watch(
    resource: ApiResource,
    options: {
      readonly from: string;
      readonly advance: (resourceVersion: string) => void;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    const { client, sink } = this.#options;
    const { from, advance, signal } = options;
    const timeoutSeconds = Math.round(WATCH_SECONDS * (0.75 + this.#random() / 4));
    const events = client.watch(resource, { labelSelector: APP_LABEL, resourceVersion: from, timeoutSeconds, signal });
    for await (const event of events) {
      if (event.type === "BOOKMARK") {
        advance(event.resourceVersion);
        continue;
      }
      if (event.type === "DELETED") sink.gone(event.object);
      else sink.seen(event.object);
      advance(resourceVersionOf(event.object));
    }
  }

  #setLive(kind: KindKey, live: boolean): void {
    const running = this.#running.get(kind);
    if (running !== undefined) running.live = live;
  }
}
