import type { AppRecord } from "./app-record.ts";
import { effectOfCandidate } from "./effective-fleet.ts";
import type { Candidate, EffectiveApp } from "./effective-fleet.ts";
import { FactsClasses } from "./guards/facts-classes.ts";
import type { RenderedPack, RenderedVariant } from "./rendered-variant.ts";
import type { ResolvedApp, VariantKey } from "./variant.ts";

/**
 * What the last plan made of apps, so that a commit costs what it changes. All of it follows from objects that are never
 * changed, and is forgotten with them: a memo that was lost changes nothing but the time.
 */
export class PlanMemo {
  readonly facts = new FactsClasses();
  readonly #candidates = new WeakMap<ResolvedApp, Candidate>();
  readonly #effects = new WeakMap<Candidate, EffectiveApp>();
  readonly #standing = new WeakMap<Candidate, AppRecord>();

  /** The candidate of before when the app and all its packs are what they were. */
  candidateOf(resolved: ResolvedApp, rendered: ReadonlyMap<VariantKey, RenderedVariant>): Candidate | undefined {
    const known = this.#candidates.get(resolved);
    if (known === undefined) return undefined;
    for (const [variant, pack] of known.packs) if (!isSame(pack, rendered.get(variant))) return undefined;
    return known;
  }

  admit(candidate: Candidate): Candidate {
    this.#candidates.set(candidate.resolved, candidate);
    return candidate;
  }

  effectOf(name: string, candidate: Candidate): EffectiveApp {
    const known = this.#effects.get(candidate);
    if (known !== undefined) return known;
    const effect = effectOfCandidate(name, candidate);
    this.#effects.set(candidate, effect);
    return effect;
  }

  /** The record says just what the candidate is. */
  stands(candidate: Candidate, record: AppRecord): void {
    this.#standing.set(candidate, record);
  }

  isStanding(candidate: Candidate | undefined, record: AppRecord | undefined): boolean {
    return candidate !== undefined && record !== undefined && this.#standing.get(candidate) === record;
  }
}

function isSame({ pack, objects }: RenderedPack, now: RenderedVariant | undefined): boolean {
  return now !== undefined && "pack" in now && now.pack === pack && now.objects === objects;
}
