import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import { formatId } from "@axle/core/manifest/object.ts";
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
    this.#founded.get(app)?.resolve();
  }

  async awaitFounded(app: string): Promise<void> {
    await this.#founded.get(app)?.promise;
  }

  /** The app is applied and healthy, or why not. */
  finished(app: string, problem: string | undefined): void {
    this.founded(app);
    this.#ready.get(app)?.resolve(problem);
  }

  /** Undefined when the app may be built upon, else why not. */
  async awaitReady(app: string): Promise<string | undefined> {
    const ready = this.#ready.get(app);
    return ready === undefined ? "it is not on this cluster" : ready.promise;
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
