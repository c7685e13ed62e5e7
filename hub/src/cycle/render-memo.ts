import type { Problem } from "@axle/core/fleet/problem.ts";
import { describeObject } from "@axle/core/placement/guards/describe-object.ts";
import type { Variant, VariantKey } from "@axle/core/placement/variant.ts";
import type { Renderer, RenderRecord, Snapshot, Store, StoreEntry } from "../ports.ts";
import { writePack } from "../slice/write-pack.ts";

/** What became of one variant: a pack that is stored, or why there is none. */
export type RenderResult = { readonly record: RenderRecord } | { readonly error: Problem };

export interface RenderedVariants {
  readonly results: ReadonlyMap<VariantKey, RenderResult>;
  /** New memo entries, to be written in the same batch as what refers to them. */
  readonly entries: readonly StoreEntry[];
  /** Something failed that may render next time: a timeout, a renderer that could not be run. */
  readonly mayRenderLater: boolean;
}

export interface RenderMemoOptions {
  readonly renderer: Renderer;
  readonly store: Pick<Store, "findRender" | "putPack">;
  /** Keys of packs are derived from it. */
  readonly packMaster: Uint8Array;
  /** Total: what a renderer threw, as a problem of the repository. */
  readonly problemOf: (error: unknown, variant: Variant) => Problem;
  /** The same input may render next time. */
  readonly isPassing: (error: unknown) => boolean;
  /** Objects of renders whose ids are kept in memory; the store has the rest. */
  readonly limit?: number;
}

/**
 * Renders each distinct input once, ever: results are looked up in memory, then in the store (the memo is state, so a
 * restart renders nothing, L4), and only then rendered. A pack is stored before the memo that names it. Failures are
 * remembered in memory only, for a restart may well cure them.
 */
export class RenderMemo {
  readonly #options: RenderMemoOptions;
  readonly #limit: number;
  /** In order of use, oldest first. */
  readonly #known = new Map<string, RenderResult>();
  #weight = 0;

  constructor(options: RenderMemoOptions) {
    this.#options = options;
    this.#limit = options.limit ?? 300_000;
  }

  /** The renderer bounds how many processes run at once. Rejects only when the store or the signal does. */
  async renderAll(
    snapshot: Snapshot,
    variants: ReadonlyMap<VariantKey, Variant>,
    signal: AbortSignal,
  ): Promise<RenderedVariants> {
    const rendered = await Promise.all(
      [...variants].map(async ([key, variant]) => ({ key, ...(await this.#render(snapshot, variant, signal)) })),
    );
    return {
      // In the order of the variants, not of who was done first: warnings are compared with those of the last turn.
      results: new Map(rendered.map(({ key, result }) => [key, result])),
      entries: rendered.flatMap(({ entry }) => (entry === undefined ? [] : [entry])),
      mayRenderLater: rendered.some(({ isPassing }) => isPassing === true),
    };
  }

  async #render(
    snapshot: Snapshot,
    variant: Variant,
    signal: AbortSignal,
  ): Promise<{ result: RenderResult; entry?: StoreEntry; isPassing?: boolean }> {
    const { renderer, store, problemOf, isPassing } = this.#options;
    let key: string;
    try {
      key = await renderer.keyOf(snapshot, variant, signal);
    } catch (error) {
      signal.throwIfAborted();
      return { result: { error: problemOf(error, variant) }, isPassing: isPassing(error) };
    }
    const known = this.#known.get(key) ?? (await this.#find(key, signal));
    if (known !== undefined) return { result: this.#remember(key, known) };
    let rendered;
    try {
      rendered = await renderer.render(snapshot, variant, signal);
    } catch (error) {
      signal.throwIfAborted();
      const failure = { error: problemOf(error, variant) };
      return isPassing(error) ? { result: failure, isPassing: true } : { result: this.#remember(key, failure) };
    }
    const pack = writePack(
      rendered.objects.map(({ object }) => object),
      this.#options.packMaster,
    );
    const { chunks } = await store.putPack(pack.digest, pack.data, signal);
    const record: RenderRecord = {
      pack: {
        digest: pack.digest,
        keyId: pack.keyId,
        size: pack.data.length,
        chunks,
        objects: rendered.objects.length,
      },
      objects: rendered.objects.map(({ object, file }) => describeObject(object, file)),
      warnings: rendered.warnings,
    };
    return { result: this.#remember(key, { record }), entry: { type: "render", key, record } };
  }

  async #find(key: string, signal: AbortSignal): Promise<RenderResult | undefined> {
    const record = await this.#options.store.findRender(key, signal);
    return record === undefined ? undefined : { record };
  }

  #remember(key: string, result: RenderResult): RenderResult {
    this.#forget(key);
    this.#known.set(key, result);
    this.#weight += weightOf(result);
    for (const oldest of this.#known.keys()) {
      if (this.#weight <= this.#limit || oldest === key) break;
      this.#forget(oldest);
    }
    return result;
  }

  #forget(key: string): void {
    const known = this.#known.get(key);
    if (known === undefined) return;
    this.#weight -= weightOf(known);
    this.#known.delete(key);
  }
}

/** A render of thousands of objects takes the room of thousands of small ones. */
function weightOf(result: RenderResult): number {
  return 1 + ("record" in result ? result.record.objects.length : 0);
}
