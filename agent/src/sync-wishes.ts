/** Apps somebody asked to be synced and that were not yet. Kept until it is done: a pass that is cut short owes them still. */
export class SyncWishes {
  readonly #apps = new Set<string>();
  #all = false;

  /** None: all apps, whichever there are when it is done. */
  add(apps: readonly string[]): void {
    if (apps.length === 0) this.#all = true;
    for (const app of apps) this.#apps.add(app);
  }

  /** Those of a slice's apps. */
  among(apps: readonly string[]): ReadonlySet<string> {
    return new Set(this.#all ? apps : apps.filter((app) => this.#apps.has(app)));
  }

  clear(): void {
    this.#apps.clear();
    this.#all = false;
  }
}
