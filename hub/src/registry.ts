import type { Logger } from "@axle/runtime/logger.ts";
import type { Service } from "@axle/runtime/service.ts";
import { ClaimBook } from "./join/claim-book.ts";
import type { Claim, ClusterStatus, JoinToken, KeyedStore, Registration } from "./registry-ports.ts";
import { ClusterDirectory } from "./sessions/cluster-directory.ts";
import { FleetView } from "./sessions/fleet-view.ts";

export interface RegistryOptions {
  readonly clusters: KeyedStore<Registration>;
  readonly claims: KeyedStore<Claim>;
  readonly tokens: KeyedStore<JoinToken>;
  readonly statuses: KeyedStore<ClusterStatus>;
  readonly now: () => number;
  readonly log: Logger;
}

/** Who the clusters are and how they are, read from the store: what the loop decides from and the front serves. */
export interface Registry {
  readonly clusters: KeyedStore<Registration>;
  readonly tokens: KeyedStore<JoinToken>;
  readonly claims: ClaimBook;
  readonly directory: ClusterDirectory;
  readonly view: FleetView;
  /** To be run as long as the hub runs. */
  readonly services: readonly Service[];
}

/** Reads everything once, so that nothing is served or decided from half of it. */
export async function openRegistry(options: RegistryOptions, signal: AbortSignal): Promise<Registry> {
  const { clusters, claims, tokens, statuses, now, log } = options;
  const directory = new ClusterDirectory({ clusters, log });
  const view = new FleetView({ statuses, now, log });
  await Promise.all([directory.hydrate(signal), view.hydrate(signal)]);
  return {
    clusters,
    tokens,
    claims: new ClaimBook({ claims, clusters, now }),
    directory,
    view,
    services: [directory, view],
  };
}
