import { isDeepStrictEqual } from "node:util";
import type { Problem } from "@axle/core/fleet/problem.ts";
import type { PackHandle } from "@axle/core/placement/app-record.ts";
import type { Variant, VariantKey } from "@axle/core/placement/variant.ts";
import type { Rendered, RenderedObject, Renderer, RenderRecord, Snapshot, Store, StoreEntry } from "../ports.ts";
import { openPack } from "../slice/read-pack.ts";
import { writePack } from "../slice/write-pack.ts";
import { keepUnstable } from "./keep-unstable.ts";
import { waitWhileWorking } from "./patience.ts";
import { readPublished } from "./published-before.ts";
import { describeRendered, renderedOf } from "./render-record.ts";
import { RenderResults, type RenderResult } from "./render-results.ts";

export interface RenderedVariants {
  readonly results: ReadonlyMap<VariantKey, RenderResult>;
  /** New memo entries, to be written in the same batch as what refers to them. Given again until {@link RenderMemo.written}. */
  readonly entries: readonly StoreEntry[];
  /** Something failed that may render next time: a timeout, a renderer that could not be run. */
  readonly mayRenderLater: boolean;
}

export interface RenderRequest {
  readonly snapshot: Snapshot;
  readonly variants: ReadonlyMap<VariantKey, Variant>;
  /** Packs that clusters of a variant stand on now: what was made anew in them stays. */
  readonly packsBefore: (key: VariantKey) => readonly PackHandle[];
}

export interface RenderMemoOptions {
  readonly renderer: Renderer;
  readonly store: Pick<Store, "findRender" | "usePack" | "putPack" | "findObjects" | "readPack">;
  /** Keys of packs are derived from it. */
  readonly packMaster: Uint8Array;
  /** Total: what a renderer threw, as a problem of the repository. */
  readonly problemOf: (error: unknown, variant: Variant) => Problem;
  /** The same input may render next time. */
  readonly isPassing: (error: unknown) => boolean;
  /** What it says is of sources outside the commit, of which a memo key knows nothing: it holds for its snapshot alone. */
  readonly isOfSources?: (error: unknown) => boolean;
  /** A render that was not waited for is done: whoever went on without it should ask again. */
  readonly onReady?: () => void;
  /** How long {@link RenderMemo.renderAll} waits while no render ends before it goes on without the rest. */
  readonly patienceMs?: number;
  /** Objects of renders whose ids are kept in memory; the store has the rest. */
  readonly limit?: number;
}

/** What is remembered of a render is one message of the store, which takes 8 MiB; one that is refused would stop all. */
const MAX_RECORD_CHARACTERS = 6 * 1024 * 1024;

/** What became of a render; undefined when it was given up, for its tree is no longer there. */
type Settled = { readonly result: RenderResult; readonly isPassing?: boolean } | undefined;

interface Running {
  /** Aborted: it reads a tree that is no longer there. */
  readonly replaced: AbortSignal | undefined;
  readonly settled: Promise<Settled>;
  /** Somebody went on without it. */
  isAwaited: boolean;
}

/**
 * Renders each distinct input once, ever: results are looked up in memory, then in the store (the memo is state, so a
 * restart renders nothing, L4), and only then rendered. A pack is stored before the memo that names it. Failures are
 * remembered in memory only, for a restart may well cure them. A chart that takes its time holds up its own app and no
 * other: after a while the rest goes on, and whoever asks is called when it is done.
 */
export class RenderMemo {
  readonly #options: RenderMemoOptions;
  readonly #known: RenderResults;
  /** By memo key. */
  readonly #running = new Map<string, Running>();
  /** Keys that were not waited for once: they are not waited for again. */
  readonly #slow = new Set<string>();
  /** By memo key: failures that may pass, of renders that nobody waited for. */
  readonly #failures = new Map<string, { readonly result: RenderResult; isTold: boolean }>();
  /** Failures that hold for one snapshot alone, and which. */
  readonly #tellingOf = new WeakMap<RenderResult, WeakRef<Snapshot>>();
  /** By memo key: the pack that was found to hold what was published before, and where that stands. */
  readonly #linedUp = new Map<string, string>();
  /** By memo key: not known to be stored yet. */
  readonly #unwritten = new Map<string, StoreEntry>();

  constructor(options: RenderMemoOptions) {
    this.#options = options;
    this.#known = new RenderResults(options.limit ?? 300_000);
  }

  /** The renderer bounds how many processes run at once. Rejects only when the store or the signal does. */
  async renderAll(request: RenderRequest, signal: AbortSignal): Promise<RenderedVariants> {
    const { variants } = request;
    const started = await Promise.all(
      [...variants].map(async ([key, variant]) => ({ key, variant, ...(await this.#start(request, key, signal)) })),
    );
    const waitedFor = started.flatMap(({ memoKey, running }) =>
      running === undefined || memoKey === undefined || this.#slow.has(memoKey) ? [] : [running.settled],
    );
    await waitWhileWorking(waitedFor, this.#options.patienceMs ?? 5_000, signal);
    const rendered = await Promise.all(started.map((one) => this.#resultOf(one)));
    const keys = new Set(started.flatMap(({ memoKey }) => memoKey ?? []));
    for (const key of this.#slow) if (!keys.has(key)) this.#slow.delete(key);
    for (const key of this.#linedUp.keys()) if (!keys.has(key)) this.#linedUp.delete(key);
    for (const key of this.#failures.keys()) if (!keys.has(key)) this.#failures.delete(key);
    return {
      // In the order of the variants, not of who was done first: warnings are compared with those of the last turn.
      results: new Map(rendered.map(({ key, result }) => [key, result])),
      entries: [...this.#unwritten].flatMap(([memoKey, entry]) => (keys.has(memoKey) ? [entry] : [])),
      mayRenderLater: rendered.some(({ isPassing }) => isPassing === true),
    };
  }

  /** These entries are stored. */
  written(entries: readonly StoreEntry[]): void {
    for (const entry of entries) if (entry.type === "render") this.#unwritten.delete(entry.key);
  }

  /** Finds or begins a render. */
  async #start(
    request: RenderRequest,
    key: VariantKey,
    signal: AbortSignal,
  ): Promise<{ readonly memoKey?: string; readonly settled?: NonNullable<Settled>; readonly running?: Running }> {
    const { renderer, problemOf, isPassing } = this.#options;
    const { snapshot } = request;
    const variant = request.variants.get(key) as Variant;
    let memoKey: string;
    try {
      memoKey = await renderer.keyOf(snapshot, variant, signal);
    } catch (error) {
      signal.throwIfAborted();
      return { settled: { result: { error: problemOf(error, variant) }, isPassing: isPassing(error) } };
    }
    const known = this.#recall(memoKey, snapshot) ?? (await this.#find(memoKey, signal));
    if (known !== undefined) {
      this.#known.remember(memoKey, known);
      return { memoKey, settled: await this.#inLine(memoKey, known, { request, key, variant }, signal) };
    }
    const failure = this.#failures.get(memoKey);
    if (failure?.isTold === false) {
      failure.isTold = true;
      return { memoKey, settled: { result: failure.result, isPassing: true } };
    }
    const begun = this.#running.get(memoKey);
    const isUsable = begun !== undefined && begun.replaced?.aborted !== true;
    return { memoKey, running: isUsable ? begun : this.#run(memoKey, { request, key, variant }, signal) };
  }

  async #resultOf(started: {
    readonly key: VariantKey;
    readonly variant: Variant;
    readonly memoKey?: string;
    readonly settled?: NonNullable<Settled>;
    readonly running?: Running;
  }): Promise<{ readonly key: VariantKey; readonly result: RenderResult; readonly isPassing?: boolean }> {
    const { key, variant, memoKey, running } = started;
    const pending = Symbol();
    const settled =
      running === undefined ? started.settled : await Promise.race([running.settled, Promise.resolve(pending)]);
    if (settled !== undefined && settled !== pending) return { key, ...(settled as NonNullable<Settled>) };
    if (running !== undefined) running.isAwaited = true;
    if (memoKey !== undefined) this.#slow.add(memoKey);
    // While it is tried again, what is known of it stays true.
    const failure = memoKey === undefined ? undefined : this.#failures.get(memoKey);
    if (failure !== undefined) return { key, result: failure.result };
    const message = "takes long to render; the app stays where it is until that is done, and nothing else waits for it";
    return { key, result: { error: { ...this.#options.problemOf(new Error(message), variant), message } } };
  }

  #run(
    memoKey: string,
    what: { readonly request: RenderRequest; readonly key: VariantKey; readonly variant: Variant },
    signal: AbortSignal,
  ): Running {
    const { onReady } = this.#options;
    const { replaced } = what.request.snapshot;
    const abort = replaced === undefined ? signal : AbortSignal.any([signal, replaced]);
    const settled = this.#render(memoKey, what, abort).then(
      (result) => result,
      (error: unknown) => {
        // Its tree is gone: asked for again, it is rendered from the next.
        if (replaced?.aborted === true && !signal.aborted) return undefined;
        throw error;
      },
    );
    const running: Running = { replaced, settled, isAwaited: false };
    this.#running.set(memoKey, running);
    const end = (ended: Settled | "store"): void => {
      // Another took its place.
      if (this.#running.get(memoKey) !== running) return;
      this.#running.delete(memoKey);
      if (!running.isAwaited) return;
      if (ended !== undefined && ended !== "store" && ended.isPassing === true) {
        this.#failures.set(memoKey, { result: ended.result, isTold: false });
      } else this.#failures.delete(memoKey);
      onReady?.();
    };
    settled.then(end, () => end("store"));
    return running;
  }

  async #render(
    memoKey: string,
    { request, key, variant }: { readonly request: RenderRequest; readonly key: VariantKey; readonly variant: Variant },
    signal: AbortSignal,
  ): Promise<Settled> {
    const { renderer, problemOf, isPassing, store, packMaster } = this.#options;
    const regenerate = variant.regenerate ?? "";
    let rendered: Rendered;
    let objects: readonly RenderedObject[];
    try {
      rendered = await renderer.render(request.snapshot, variant, signal);
      objects = rendered.objects;
    } catch (error) {
      signal.throwIfAborted();
      const failure = { error: problemOf(error, variant) };
      if (isPassing(error)) return { result: failure, isPassing: true };
      if (this.#options.isOfSources?.(error) === true) this.#tellingOf.set(failure, new WeakRef(request.snapshot));
      return { result: this.#known.remember(memoKey, failure) };
    }
    if (objects.some(({ unstable }) => unstable !== undefined)) {
      try {
        const published = await readPublished(request.packsBefore(key), { regenerate, store, packMaster }, signal);
        if (published !== undefined) objects = keepUnstable(rendered, published);
      } catch (error) {
        signal.throwIfAborted();
        return { result: { error: cannotKeep(problemOf(error, variant)) }, isPassing: true };
      }
    }
    return { result: await this.#keep(memoKey, { ...rendered, objects }, variant, signal) };
  }

  async #keep(memoKey: string, rendered: Rendered, variant: Variant, signal: AbortSignal): Promise<RenderResult> {
    const { problemOf, store, packMaster } = this.#options;
    const { objects, renamed = [], warnings } = rendered;
    const pack = writePack(
      objects.map(({ object }) => object),
      packMaster,
      rendered.originals,
    );
    const { chunks } = await store.putPack(pack.digest, pack.data, signal);
    const { digest, keyId, data } = pack;
    const record: RenderRecord = {
      pack: { digest, keyId, size: data.length, chunks, objects: objects.length },
      objects: objects.map((object) => describeRendered(object, variant.regenerate ?? "")),
      ...(renamed.length > 0 && { renamed }),
      warnings,
    };
    const size = JSON.stringify(record).length;
    if (size > MAX_RECORD_CHARACTERS) {
      return this.#known.remember(memoKey, { error: tooMuch(size, problemOf, variant) });
    }
    this.#slow.delete(memoKey);
    this.#unwritten.set(memoKey, { type: "render", key: memoKey, record });
    return this.#known.remember(memoKey, { record });
  }

  /**
   * A render that is remembered, with what was made anew in it as the variant's clusters have it now: since it was rendered
   * the app may have been removed and come again, or other clusters may come to this variant and bring theirs.
   */
  async #inLine(
    memoKey: string,
    known: RenderResult,
    { request, key, variant }: { readonly request: RenderRequest; readonly key: VariantKey; readonly variant: Variant },
    signal: AbortSignal,
  ): Promise<NonNullable<Settled>> {
    const { problemOf, store, packMaster } = this.#options;
    if ("error" in known || known.record.objects.every(({ unstable }) => unstable === undefined)) {
      return { result: known };
    }
    const { record } = known;
    const before = request.packsBefore(key);
    const standing = before.map(({ digest }) => digest).join(" ");
    if (before[0] === undefined || before[0].digest === record.pack.digest) return { result: known };
    if (this.#linedUp.get(memoKey) === `${record.pack.digest} after ${standing}`) return { result: known };
    const regenerate = variant.regenerate ?? "";
    try {
      const published = await readPublished(before, { regenerate, store, packMaster }, signal);
      let result: RenderResult = known;
      if (published !== undefined) {
        const pack = openPack(await store.readPack(record.pack, signal), record.pack.keyId, packMaster);
        const rendered = renderedOf(record, pack);
        const objects = keepUnstable(rendered, published);
        if (objects.some(({ object }, index) => !isDeepStrictEqual(object, rendered.objects[index]?.object))) {
          result = await this.#keep(memoKey, { ...rendered, objects }, variant, signal);
        }
      }
      if ("record" in result) this.#linedUp.set(memoKey, `${result.record.pack.digest} after ${standing}`);
      return { result };
    } catch (error) {
      signal.throwIfAborted();
      return { result: { error: cannotKeep(problemOf(error, variant)) }, isPassing: true };
    }
  }

  /** Undefined for what does not hold any more: a failure of another snapshot, a pack that was removed meanwhile. */
  #recall(memoKey: string, snapshot: Snapshot): RenderResult | undefined {
    const known = this.#known.get(memoKey);
    if (known === undefined) return undefined;
    if ("record" in known) return this.#options.store.usePack(known.record.pack.digest) ? known : undefined;
    const told = this.#tellingOf.get(known);
    return told === undefined || told.deref() === snapshot ? known : undefined;
  }

  async #find(key: string, signal: AbortSignal): Promise<RenderResult | undefined> {
    const record = await this.#options.store.findRender(key, signal);
    return record === undefined ? undefined : { record };
  }
}

function tooMuch(size: number, problemOf: RenderMemoOptions["problemOf"], variant: Variant): Problem {
  const message =
    `the names and files of its objects, and what of them renders differently each time, take ${size} characters; ` +
    `${MAX_RECORD_CHARACTERS} are the limit: split the app`;
  return { ...problemOf(new Error(message), variant), message };
}

function cannotKeep(problem: Problem): Problem {
  const message =
    `makes values anew each time it renders, and those published before cannot be read: ${problem.message}; ` +
    "the app stays where it is; change sync.regenerate to publish new ones";
  return { ...problem, message };
}
