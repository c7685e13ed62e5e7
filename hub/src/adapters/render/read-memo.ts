import type { SnapshotIndex } from "./snapshot-index.ts";

const MAX_ENTRIES = 20_000;

/** What was made of files, by their Git ids: from one commit to the next hardly any of it changes. */
export class ReadMemo {
  readonly #made = new Map<string, unknown>();

  /**
   * What `make` gives for a file's text, made once for each content; undefined when it is no text. `kind` tells apart
   * what is made of one file.
   */
  async of<T>(
    { index, file, signal }: { readonly index: SnapshotIndex; readonly file: string; readonly signal: AbortSignal },
    kind: string,
    make: (text: string) => T,
  ): Promise<T | undefined> {
    const key = JSON.stringify([kind, index.find(file).oid, file]);
    if (this.#made.has(key)) return this.#made.get(key) as T | undefined;
    let made: T | undefined;
    try {
      made = make((await index.snapshot.readTexts([file], signal)).get(file) ?? "");
    } catch {
      // Not text: the renderer says so, and where.
      signal.throwIfAborted();
    }
    if (this.#made.size >= MAX_ENTRIES) this.#made.clear();
    this.#made.set(key, made);
    return made;
  }
}
