/** More than any fleet has; the oldest go first. */
const MAX_REMEMBERED = 10_000;

/** Which objects of the mirror the hub works with: what of the mirror is still of use is decided from this. */
export class TreeUses {
  /** What trees were made of, which must be there when they are made again after a restart. */
  readonly #parts = new Map<string, ReadonlySet<string>>();
  /** Used at all since it was asked last. */
  readonly #touched = new Set<string>();
  /** What stands in the snapshot, however long ago it was made. */
  #standing: readonly string[] = [];

  /** A tree that was put together. */
  made(tree: string, parts: readonly string[]): void {
    const before = this.#parts.get(tree) ?? [];
    this.#parts.delete(tree);
    this.#parts.set(tree, new Set([...before, ...parts]));
    const [oldest] = this.#parts.keys();
    if (this.#parts.size > MAX_REMEMBERED && oldest !== undefined) this.#parts.delete(oldest);
  }

  use(object: string): void {
    this.#touched.add(object);
  }

  /** Everything the snapshot stands on, in place of what the one before stood on. */
  stand(objects: readonly string[]): void {
    this.#standing = objects;
    for (const object of objects) this.#touched.add(object);
  }

  /** Everything used since the last time, with what it was made of. */
  take(): ReadonlySet<string> {
    const used = new Set([...this.#touched, ...this.#standing]);
    this.#touched.clear();
    // What is added on the way is looked at, too.
    for (const object of used) for (const part of this.#parts.get(object) ?? []) used.add(part);
    return used;
  }
}
