import type { ObjectId } from "@axle/core/manifest/object.ts";

/** After so long without a turn a fight is over. Longer than from one full comparison to the next: who only shows there is seen to fight, too. */
const SILENCE_MS = 30 * 60_000;
/** Turns older than this do not count: now and then is no fight. */
const WINDOW_MS = 60 * 60_000;
/** Corrections of the same thing at once before waiting begins. */
const FREE = 3;
const FIGHTING_FROM = 5;
const LONGEST_MS = 5 * 60_000;

export interface FightTurn {
  /** How long to leave the other side's change standing. */
  readonly delayMs: number;
  readonly fighting: boolean;
}

/** Counts how often the same fields of the same object had to be put right: somebody else wants them otherwise. */
export class Fights {
  readonly #turns = new Map<string, number[]>();

  /** Notes one more change of the same paths and says what to do about it. */
  note(id: ObjectId, paths: readonly string[], nowMs: number): FightTurn {
    this.#forgetOld(nowMs);
    const key = `${id} ${paths.join(" ")}`;
    const recent = (this.#turns.get(key) ?? []).filter((atMs) => atMs > nowMs - WINDOW_MS);
    const turns = [...recent, nowMs].slice(-20);
    this.#turns.set(key, turns);
    const excess = turns.length - FREE;
    return {
      delayMs: excess <= 0 ? 0 : Math.min(LONGEST_MS, 1_000 * 2 ** (excess - 1)),
      fighting: turns.length >= FIGHTING_FROM,
    };
  }

  #forgetOld(nowMs: number): void {
    for (const [key, turns] of this.#turns) {
      if ((turns.at(-1) ?? 0) < nowMs - SILENCE_MS) this.#turns.delete(key);
    }
  }
}
