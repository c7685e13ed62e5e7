/** What a chart repository answered last. */
export interface KnownIndex {
  readonly text: string;
  readonly etag: string | undefined;
  readonly askedAtMs: number;
}

/** Characters of all indexes together. */
const MAX_CHARACTERS = 64 * 1024 * 1024;

/**
 * Indexes by address, those used last, up to a total size. An index that is being asked for is asked for once, however many
 * charts of it a commit names.
 */
export class IndexMemo {
  readonly #known = new Map<string, KnownIndex>();
  readonly #asking = new Map<string, Promise<KnownIndex>>();

  find(url: string): KnownIndex | undefined {
    const known = this.#known.get(url);
    if (known === undefined) return undefined;
    // The newest last: what was not used for longest goes first.
    this.#known.delete(url);
    this.#known.set(url, known);
    return known;
  }

  async ask(url: string, ask: (known: KnownIndex | undefined) => Promise<KnownIndex>): Promise<KnownIndex> {
    const underWay = this.#asking.get(url);
    if (underWay !== undefined) return underWay;
    const asking = ask(this.find(url));
    this.#asking.set(url, asking);
    try {
      const index = await asking;
      this.#keep(url, index);
      return index;
    } finally {
      this.#asking.delete(url);
    }
  }

  #keep(url: string, index: KnownIndex): void {
    this.#known.delete(url);
    this.#known.set(url, index);
    let total = 0;
    for (const { text } of this.#known.values()) total += text.length;
    for (const [oldest, { text }] of this.#known) {
      if (total <= MAX_CHARACTERS || oldest === url) return;
      this.#known.delete(oldest);
      total -= text.length;
    }
  }
}
