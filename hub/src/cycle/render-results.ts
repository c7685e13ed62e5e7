import type { Problem } from "@axle/core/fleet/problem.ts";
import type { RenderRecord } from "../ports.ts";

/** What became of one variant: a pack that is stored, or why there is none. */
export type RenderResult = { readonly record: RenderRecord } | { readonly error: Problem };

/** Results by memo key, as many as the objects in them allow; those used longest ago go first. */
export class RenderResults {
  readonly #limit: number;
  /** In order of use, oldest first. */
  readonly #known = new Map<string, RenderResult>();
  #weight = 0;

  /** `limit`: objects and results together. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): RenderResult | undefined {
    return this.#known.get(key);
  }

  remember(key: string, result: RenderResult): RenderResult {
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
