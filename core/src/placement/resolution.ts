import type { App } from "../fleet/app.ts";
import type { Problem } from "../fleet/problem.ts";
import type { ResolvedApp } from "./variant.ts";

/** What a commit means for the clusters there are: who gets which variant of which app. */
export interface Resolution {
  /** Every app that may move to this commit, by name, sorted. */
  readonly apps: ReadonlyMap<string, ResolvedApp>;
  /** Every app that is declared but must stay where it is, by name, sorted. */
  readonly broken: ReadonlyMap<string, BrokenApp>;
  /** All problems known so far, those of the contract included. */
  readonly problems: readonly Problem[];
}

export interface BrokenApp {
  readonly app: App;
  /** The first error, as people read it. */
  readonly reason: string;
  /** Ids of the clusters it is meant for, as far as its selectors tell. */
  readonly clusters: readonly string[];
}
