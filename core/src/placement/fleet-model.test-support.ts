import { DEFAULT_SYNC } from "../fleet/app.ts";
import type { App } from "../fleet/app.ts";
import type { ClusterFacts } from "../fleet/cluster.ts";
import type { FleetGuards } from "../fleet/fleet.ts";
import type { Problem } from "../fleet/problem.ts";
import type { AppRecord } from "./app-record.ts";
import { planFleet } from "./plan-fleet.ts";
import type { FleetPlan } from "./plan-fleet.ts";
import type { RenderedObject, RenderedVariant } from "./rendered-variant.ts";
import type { Resolution } from "./resolution.ts";
import type { Target, Variant } from "./variant.ts";

/** What one app is at a commit: objects by cluster (or a variant that does not render), or an app that does not resolve. */
export type AppAt = Readonly<Record<string, readonly string[] | "broken">> | "unresolved";
export type CommitAt = Readonly<Record<string, AppAt>>;

export interface CommitOptions {
  readonly dependsOn?: Readonly<Record<string, readonly string[]>>;
  readonly clearHolds?: readonly { readonly cluster: string; readonly app: string }[];
  /** The contract does not parse. */
  readonly refused?: boolean;
  readonly factsOf?: (cluster: string) => ClusterFacts;
  readonly guards?: FleetGuards;
  /** What guards know of an object beside its id. */
  readonly about?: Readonly<Record<string, Omit<RenderedObject, "id" | "file">>>;
}

/** A hub in miniature: keeps records and packs, and asks planFleet what each commit makes of them. */
export class FleetModel {
  clusters: readonly string[];
  readonly records = new Map<string, AppRecord>();
  readonly #packs = new Map<string, readonly RenderedObject[]>();
  #commits = 0;

  constructor(clusters: readonly string[]) {
    this.clusters = clusters;
  }

  commit(apps: CommitAt, options: CommitOptions = {}): FleetPlan {
    this.#commits += 1;
    const { resolution, rendered } = this.#resolve(apps, options);
    const plan = planFleet({
      commit: `c${this.#commits}`,
      atMs: this.#commits,
      clusters: this.clusters,
      previous: this.records,
      resolution,
      rendered,
      objectsOf: (digest) => this.#packs.get(digest),
      clearHolds: options.clearHolds ?? [],
      ...(options.factsOf !== undefined && { factsOf: options.factsOf }),
      ...(options.guards !== undefined && { guards: options.guards }),
    });
    for (const record of plan.records) this.records.set(record.app, record);
    for (const app of plan.gone) this.records.delete(app);
    return plan;
  }

  record(app: string): AppRecord | undefined {
    return this.records.get(app);
  }

  /** App -> cluster -> the objects it has there. */
  state(): Readonly<Record<string, Readonly<Record<string, string>>>> {
    const apps = [...this.records].filter(
      ([, record]) => Object.keys(record.targets).length > 0 || record.held !== undefined,
    );
    return Object.fromEntries(
      apps.map(([name, { packs, targets }]) => [
        name,
        Object.fromEntries(
          Object.entries(targets).map(([cluster, { pack }]) => [cluster, this.#idsOf(packs[pack]?.digest)]),
        ),
      ]),
    );
  }

  #idsOf(digest: string | undefined): string {
    return (this.#packs.get(digest ?? "") ?? []).map(({ id }) => id).join(",");
  }

  #resolve(apps: CommitAt, { dependsOn, refused, about }: CommitOptions): Resolved {
    const resolution = { apps: new Map(), broken: new Map(), problems: [] as Problem[] } satisfies Resolution;
    const rendered = new Map<string, RenderedVariant>();
    if (refused === true) resolution.problems.push({ severity: "error", code: "syntax", message: "no YAML" });
    for (const [name, at] of Object.entries(apps)) {
      const app = appNamed(name, dependsOn?.[name] ?? []);
      if (at === "unresolved") {
        resolution.broken.set(name, { app, reason: `${name} is unresolved`, clusters: this.clusters });
        continue;
      }
      const variants = new Map<string, Variant>();
      const targets = new Map<string, Target>();
      for (const [cluster, objects] of Object.entries(at)) {
        if (!this.clusters.includes(cluster)) continue;
        const key = `${name}:${objects === "broken" ? objects : objects.toSorted().join(",")}`;
        variants.set(key, { app: name, path: name, values: [], patches: [] });
        targets.set(cluster, { variant: key, substitutions: {}, because: "", placedBy: app.declaredAt });
        rendered.set(key, this.#render({ app: name, key, about }, objects));
      }
      resolution.apps.set(name, { app, variants, targets });
    }
    return { resolution, rendered };
  }

  #render({ app, key, about }: Rendering, objects: readonly string[] | "broken"): RenderedVariant {
    if (objects === "broken") {
      const place = { file: `${app}/kustomization.yaml`, line: 0, column: 0 };
      return { error: { severity: "error", code: "render", message: "no such file", place } };
    }
    const sorted = objects.toSorted().map((id) => ({ id, file: `${app}/${id}.yaml`, ...about?.[id] }));
    this.#packs.set(key, sorted);
    return { pack: { digest: key, keyId: key, size: 1, chunks: 1, objects: sorted.length }, objects: sorted };
  }
}

interface Rendering {
  readonly app: string;
  readonly key: string;
  readonly about: CommitOptions["about"];
}

interface Resolved {
  readonly resolution: Resolution;
  readonly rendered: ReadonlyMap<string, RenderedVariant>;
}

function appNamed(name: string, dependsOn: readonly string[]): App {
  return {
    name,
    labels: {},
    placements: [],
    settings: { sync: DEFAULT_SYNC, dependsOn, ignoreDifferences: [], healthChecks: [] },
    substitute: {},
    declaredAt: { file: `${name}/app.yaml`, line: 1, column: 1 },
  };
}
