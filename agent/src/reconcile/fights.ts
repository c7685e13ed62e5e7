import type { ObjectId } from "@axle/core/manifest/object.ts";

const WINDOW_MS = 10 * 60_000;
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
    const turns = [...(this.#turns.get(key) ?? []), nowMs].slice(-20);
    this.#turns.set(key, turns);
    const excess = turns.length - FREE;
    return {
      delayMs: excess <= 0 ? 0 : Math.min(LONGEST_MS, 1_000 * 2 ** (excess - 1)),
      fighting: turns.length >= FIGHTING_FROM,
    };
  }

  #forgetOld(nowMs: number): void {
    for (const [key, turns] of this.#turns) {
      if ((turns.at(-1) ?? 0) < nowMs - WINDOW_MS) this.#turns.delete(key);
    }
  }
}
