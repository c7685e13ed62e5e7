import { request } from "node:https";
import type { KubeCluster } from "@axle/testkit/kube-cluster.ts";

/** An object as one watch event showed it, and when that event arrived here. */
export interface Sighting<T> {
  readonly object: T;
  /** Milliseconds since 1970, with fractions. */
  readonly atMs: number;
}

/**
 * Watches one object on a real API server and notes when each version of it arrived: the moment a change is visible to
 * anybody. Opened before the change is made, so nothing between is missed.
 */
export class ObjectWatch<T> implements Disposable {
  readonly #sightings: Sighting<T>[] = [];
  readonly #request: ReturnType<typeof request>;
  #wake: (() => void) | undefined;
  #failure: Error | undefined;

  private constructor(cluster: KubeCluster, path: string) {
    const slash = path.lastIndexOf("/");
    const query = new URLSearchParams({ watch: "1", fieldSelector: `metadata.name=${path.slice(slash + 1)}` });
    const url = new URL(`${path.slice(0, slash)}?${query.toString()}`, cluster.server);
    const headers = { authorization: `Bearer ${cluster.adminToken}`, accept: "application/json" };
    this.#request = request(url, { ca: cluster.caPem, headers }, (response) => {
      let rest = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        const atMs = performance.timeOrigin + performance.now();
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) this.#take(line, atMs);
      });
      response.on("end", () => this.#fail(new Error("the API server ended the watch")));
    });
    this.#request.on("error", (error) => this.#fail(error));
    this.#request.end();
  }

  /** `path` is that of the object, e.g. `/api/v1/namespaces/shop/configmaps/settings`. It need not exist yet. */
  static open<T>(cluster: KubeCluster, path: string): ObjectWatch<T> {
    return new ObjectWatch<T>(cluster, path);
  }

  /** The first sighting that fits; among those past too. Rejects when the watch breaks or the time is over. */
  async until(fits: (object: T) => boolean, timeoutMs = 30_000): Promise<Sighting<T>> {
    const deadline = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const found = this.#sightings.find(({ object }) => fits(object));
      if (found !== undefined) return found;
      if (this.#failure !== undefined) throw this.#failure;
      if (deadline.aborted) throw new Error(`nothing that fits was seen within ${timeoutMs} ms`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        deadline.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  [Symbol.dispose](): void {
    this.#request.destroy();
  }

  #take(line: string, atMs: number): void {
    if (line === "") return;
    const event = JSON.parse(line) as { type: string; object: T };
    this.#sightings.push({ object: event.object, atMs });
    this.#wake?.();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }
}
