import type { ClusterFacts, FleetCluster } from "@axle/core/fleet/cluster.ts";
import type { Contract } from "@axle/core/fleet/contract.ts";
import { mergeClusters, offlineClusters } from "@axle/core/placement/merge-clusters.ts";
import type { Registration } from "@axle/core/placement/merge-clusters.ts";
import type { Resolution } from "@axle/core/placement/resolution.ts";
import { resolve } from "@axle/core/placement/resolve.ts";
import type { SourceInfo } from "@axle/core/placement/variant.ts";
import { SourceFinder } from "@axle/hub/adapters/render/find-references.ts";
import { CommitReader } from "@axle/hub/cycle/commit-reader.ts";
import type { Renderer, Snapshot } from "@axle/hub/ports.ts";
import { readLock } from "@axle/hub/sources/read-lock.ts";
import { SourceDesk } from "@axle/hub/sources/source-desk.ts";
import type { CliContext } from "../context.ts";
import { CheckoutRepository } from "./checkout-repository.ts";
import { createRenderer } from "./create-renderer.ts";
import { SourceCache } from "./source-cache.ts";
import { WorkingTree } from "./working-tree.ts";

/** Nobody else waits here. */
const SOURCE_PATIENCE_MS = 10 * 60_000;

/** A working tree, read as the hub reads a commit. */
export interface Checkout extends AsyncDisposable {
  readonly tree: Snapshot;
  readonly contract: Contract;
  /** What stands in the folders apps come from, to resolve once more with other clusters. */
  readonly sources: ReadonlyMap<string, SourceInfo | undefined>;
  readonly clusters: readonly FleetCluster[];
  readonly resolution: Resolution;
  readonly renderer: Renderer;
}

export interface CheckoutOptions {
  /** A cluster that is in no file: it gets what its labels bring it. */
  readonly imagined?: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  /** For charts that ask for the version of Kubernetes. */
  readonly kubernetesVersion?: string;
  /** The clusters a hub knows, instead of those the files declare; what the files say of them is added, as the hub does. */
  readonly registered?: readonly Registration[];
}

/** Reads the folder and resolves it against the clusters its own files declare. Never throws for what the files say. */
export async function openCheckout(
  folder: string,
  context: Pick<CliContext, "env" | "signal" | "nowMs">,
  options: CheckoutOptions = {},
): Promise<Checkout> {
  const { env, signal, nowMs } = context;
  await using stack = new AsyncDisposableStack();
  const workingTree = stack.use(await WorkingTree.read(folder, { env, nowMs: nowMs() }));
  const { renderer } = stack.use(await createRenderer(context));
  // Only while the tree is made: another command may want the cache while this one renders.
  await using cache = new SourceCache({ env, signal });
  const { fetchers, objects: elsewhere } = cache;
  const repository = stack.use(await CheckoutRepository.open({ folder, tree: workingTree, env, elsewhere }));
  const finder = new SourceFinder();
  const desk = new SourceDesk({ repository, fetchers, finder, readLock, patienceMs: SOURCE_PATIENCE_MS });
  const { head } = await desk.fetch(undefined, signal);
  const { snapshot: tree, contract, sources } = await new CommitReader(desk, renderer).read(head, {}, signal);
  const clusters = clustersOf(contract, options);
  const resolution = resolve({ contract, clusters, sources });
  const owned = stack.move();
  return { tree, contract, sources, clusters, resolution, renderer, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function clustersOf(contract: Contract, options: CheckoutOptions): readonly FleetCluster[] {
  const { imagined, kubernetesVersion, registered } = options;
  if (registered !== undefined) return mergeClusters(registered, contract.clusterFiles);
  const facts: ClusterFacts = { kubernetesVersion: kubernetesVersion ?? "", provider: "", nodes: 0, apiVersions: [] };
  const declared = offlineClusters(contract.clusterFiles).map((cluster) => ({ ...cluster, facts }));
  if (imagined === undefined) return declared;
  const { name, labels } = imagined;
  const file = declared.find((cluster) => cluster.name === name);
  const cluster: FleetCluster = {
    id: name,
    name,
    labels: { ...file?.labels, ...labels },
    values: file?.values ?? {},
    facts,
  };
  return [...declared.filter((each) => each.name !== name), cluster];
}
