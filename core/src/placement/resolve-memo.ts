import type { App } from "../fleet/app.ts";
import type { FleetCluster } from "../fleet/cluster.ts";
import { canonicalJson } from "../manifest/canonical-json.ts";
import type { AppResolution } from "./resolve-app.ts";
import type { SourceInfo } from "./variant.ts";

type Sources = ReadonlyMap<string, SourceInfo | undefined>;

interface Known {
  readonly app: App;
  readonly text: string;
  readonly sources: string;
  readonly resolution: AppResolution;
}

/**
 * What the last resolve found of each app, valid for as long as the app, what stands in its folders and the clusters are
 * what they were. What did not change is the very same object, which the plan that follows compares by.
 */
export class ResolveMemo {
  #clusters: readonly FleetCluster[] = [];
  readonly #known = new Map<string, Known>();

  /** To be called first; `clusters` in a stable order. Other clusters, or other words about one, and nothing is known. */
  begin(clusters: readonly FleetCluster[]): void {
    const same =
      clusters.length === this.#clusters.length &&
      clusters.every((cluster, index) => cluster === this.#clusters[index]);
    this.#clusters = clusters;
    if (!same) this.#known.clear();
  }

  resolve(app: App, sources: Sources, make: () => AppResolution): AppResolution {
    const known = this.#known.get(app.name);
    const sourcesText = textOfSources(app, sources);
    if (known !== undefined && known.sources === sourcesText) {
      if (known.app === app) return known.resolution;
      if (known.text === canonicalJson(app)) return known.resolution;
    }
    const resolution = make();
    this.#known.set(app.name, { app, text: canonicalJson(app), sources: sourcesText, resolution });
    return resolution;
  }

  /** Forgets the apps there are no more. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name);
  }
}

function textOfSources({ placements }: App, sources: Sources): string {
  const paths = placements.flatMap(({ path, overrides }) => [
    path,
    ...overrides.flatMap((override) => override.path ?? []),
  ]);
  return JSON.stringify(paths.map((path) => [path, sources.get(path) ?? null]));
}
