import type { ClusterFacts, ClusterFile, FleetCluster } from "../fleet/cluster.ts";

/** A cluster whose key the hub knows, with the labels its join token granted. */
export interface Registration {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly facts: ClusterFacts;
}

const NO_FACTS: ClusterFacts = { kubernetesVersion: "", provider: "", nodes: 0, apiVersions: [] };

/** A cluster is the same object for as long as nobody says anything else of it: what follows compares by that. */
const merged = new WeakMap<Registration, { readonly file: ClusterFile | undefined; readonly cluster: FleetCluster }>();

/**
 * The clusters there are, sorted by name: what registered, with what the repository says of it (label by label, the
 * file wins). A Cluster file alone makes no cluster: somebody who can write to Git could otherwise not be told apart
 * from somebody who holds a key.
 */
export function mergeClusters(
  registrations: readonly Registration[],
  files: readonly ClusterFile[],
): readonly FleetCluster[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  return registrations
    .map((registration) => mergeCluster(registration, byName.get(registration.name)))
    .toSorted(byNameThenId);
}

function mergeCluster(registration: Registration, file: ClusterFile | undefined): FleetCluster {
  const known = merged.get(registration);
  if (known !== undefined && known.file === file) return known.cluster;
  const { id, name, labels, facts } = registration;
  const cluster = { id, name, labels: { ...labels, ...file?.labels }, values: file?.values ?? {}, facts };
  merged.set(registration, { file, cluster });
  return cluster;
}

/** The clusters of the repository alone, for commands that work without a hub: id is the name, no facts. */
export function offlineClusters(files: readonly ClusterFile[]): readonly FleetCluster[] {
  return files
    .map(({ name, labels, values }): FleetCluster => ({ id: name, name, labels, values, facts: NO_FACTS }))
    .toSorted(byNameThenId);
}

function byNameThenId(a: FleetCluster, b: FleetCluster): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1;
}
