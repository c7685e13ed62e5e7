import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import { formatId } from "@axle/core/manifest/object.ts";
import { race } from "@axle/runtime/deadline.ts";
import type { ProviderOf } from "./app-planner.ts";
import type { ObjectBook } from "./object-book.ts";
import type { ResolvedApp, ResolvedSlice } from "./resolved-app.ts";

/** What apps of one pass tell each other. */
export class SlicePass {
  readonly slice: ResolvedSlice;
  readonly loaded: ReadonlyMap<ObjectId, KubeObject>;
  readonly signal: AbortSignal;
  readonly #book: ObjectBook;
  readonly #founded = new Map<string, PromiseWithResolvers<void>>();
  readonly #ready = new Map<string, PromiseWithResolvers<string | undefined>>();
  /** Apps whose namespaces and kinds are there or never will be; apps that are through. */
  readonly #isFounded = new Set<string>();
  readonly #isFinished = new Set<string>();
  /** Which app waits for which other to be founded. */
  readonly #waiting = new Map<string, string>();

  constructor(options: {
    slice: ResolvedSlice;
    loaded: ReadonlyMap<ObjectId, KubeObject>;
    book: ObjectBook;
    signal: AbortSignal;
  }) {
    this.slice = options.slice;
    this.loaded = options.loaded;
    this.signal = options.signal;
    this.#book = options.book;
    for (const { desired } of options.slice.apps) {
      this.#founded.set(desired.name, Promise.withResolvers());
      this.#ready.set(desired.name, Promise.withResolvers());
    }
  }

  /** The app's namespaces and kinds are there, or never will be in this pass. */
  founded(app: string): void {
    this.#isFounded.add(app);
    this.#founded.get(app)?.resolve();
  }

  /** The app waits until what the provider brings is there, or never will be. Rejects with the signal's reason. */
  async awaitFounded(app: string, provider: string): Promise<void> {
    const founded = this.#founded.get(provider);
    if (founded === undefined) return;
    this.#waiting.set(app, provider);
    try {
      await race(founded.promise, this.signal);
    } finally {
      this.#waiting.delete(app);
    }
  }

  /** Whether an app that is yet to be founded cannot be before the other is through: waiting for it would never end. */
  awaits(app: string, other: string): boolean {
    if (this.#isFounded.has(app)) return false;
    const seen = new Set<string>();
    const reaches = (name: string): boolean => {
      if (name === other) return true;
      if (seen.has(name) || this.#isFinished.has(name)) return false;
      seen.add(name);
      const provider = this.#waiting.get(name);
      const depends = this.slice.apps.find(({ desired }) => desired.name === name)?.desired.settings.dependsOn ?? [];
      return depends.some(reaches) || (provider !== undefined && !this.#isFounded.has(provider) && reaches(provider));
    };
    return reaches(app);
  }

  /** The app is applied and healthy, or why not. */
  finished(app: string, problem: string | undefined): void {
    this.founded(app);
    this.#isFinished.add(app);
    this.#ready.get(app)?.resolve(problem);
  }

  /** Undefined when the app may be built upon, else why not. Rejects with the signal's reason. */
  async awaitReady(app: string): Promise<string | undefined> {
    const ready = this.#ready.get(app);
    return ready === undefined ? "it is not on this cluster" : race(ready.promise, this.signal);
  }

  readonly providerOf: ProviderOf = (object, lacks) => {
    const { claims, kinds } = this.slice;
    const { source } = object;
    if (lacks === "namespace") {
      const name = source.metadata.namespace ?? "";
      return claims.get(formatId({ group: "", kind: "Namespace", namespace: "", name }));
    }
    const provider = kinds.get(`${source.apiVersion}/${source.kind}`);
    return lacks === "kind" || (provider !== undefined && this.#changesCrds(provider)) ? provider : undefined;
  };

  #changesCrds(name: string): boolean {
    const app: ResolvedApp | undefined = this.slice.apps.find(({ desired }) => desired.name === name);
    return (
      app?.objects.some(
        ({ id, source }) => source.kind === "CustomResourceDefinition" && !this.#book.isClean(id, name, source),
      ) === true
    );
  }
}
