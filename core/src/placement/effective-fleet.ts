import type { AppSettings } from "../fleet/app.ts";
import type { AppRecord } from "./app-record.ts";
import type { RenderedObject, RenderedPack } from "./rendered-variant.ts";
import type { ResolvedApp, Target } from "./variant.ts";

/** An app that may move: resolved, and every variant rendered. */
export interface Candidate {
  readonly resolved: ResolvedApp;
  /** By variant, for every variant a target uses. */
  readonly packs: ReadonlyMap<string, RenderedPack>;
}

/** One pack and the clusters it is for. */
export interface Placed {
  /** Undefined when nobody knows any more. */
  readonly objects: readonly RenderedObject[] | undefined;
  /** Ids. */
  readonly clusters: readonly string[];
}

/** What an app will be after this commit: the candidate, or, when it is held, what it was. */
export interface EffectiveApp {
  readonly name: string;
  readonly moves: boolean;
  readonly settings: AppSettings;
  readonly placed: readonly Placed[];
}

export function effectOfCandidate(name: string, { resolved, packs }: Candidate): EffectiveApp {
  const byVariant = Map.groupBy(resolved.targets, ([, target]: [string, Target]) => target.variant);
  const placed = [...byVariant].map(([variant, targets]) => ({
    objects: packs.get(variant)?.objects,
    clusters: targets.map(([cluster]) => cluster),
  }));
  return { name, moves: true, settings: resolved.app.settings, placed };
}

export function effectOfRecord(
  record: AppRecord,
  objectsOf: (digest: string) => readonly RenderedObject[] | undefined,
): EffectiveApp {
  const byPack = Map.groupBy(Object.entries(record.targets), ([, target]) => target.pack);
  const placed = [...byPack].map(([pack, targets]) => {
    const handle = record.packs[pack];
    return {
      objects: handle === undefined ? undefined : objectsOf(handle.digest),
      clusters: targets.map(([cluster]) => cluster),
    };
  });
  return { name: record.app, moves: false, settings: record.settings, placed };
}
