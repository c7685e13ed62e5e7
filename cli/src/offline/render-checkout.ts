import type { Problem } from "@axle/core/fleet/problem.ts";
import { planFleet } from "@axle/core/placement/plan-fleet.ts";
import { describeObject } from "@axle/core/placement/guards/describe-object.ts";
import type { RenderedVariant } from "@axle/core/placement/rendered-variant.ts";
import type { Variant, VariantKey } from "@axle/core/placement/variant.ts";
import { renderProblem } from "@axle/hub/adapters/render/render-error.ts";
import type { Rendered } from "@axle/hub/ports.ts";
import type { Checkout } from "./checkout.ts";

export interface RenderedCheckout {
  readonly rendered: ReadonlyMap<VariantKey, Rendered>;
  /** Those of the resolution, of rendering, and of what only shows when all is rendered. */
  readonly problems: readonly Problem[];
}

/** Renders every variant of the apps (all, unless `apps` names some) and asks the hub's planner what it makes of them. */
export async function renderCheckout(
  checkout: Checkout,
  signal: AbortSignal,
  apps?: ReadonlySet<string>,
): Promise<RenderedCheckout> {
  const { resolution, tree, renderer } = checkout;
  const rendered = new Map<VariantKey, Rendered>();
  const outcomes = new Map<VariantKey, RenderedVariant>();
  const warnings: Problem[] = [];
  const wanted = [...resolution.apps].filter(([name]) => apps?.has(name) ?? true);
  const variants = new Map<VariantKey, Variant>(wanted.flatMap(([, app]) => [...app.variants]));
  await Promise.all(
    [...variants].map(async ([key, variant]) => {
      try {
        const result = await renderer.render(tree, variant, signal);
        rendered.set(key, result);
        outcomes.set(key, plannedVariant(key, result));
        warnings.push(...result.warnings);
      } catch (error) {
        signal.throwIfAborted();
        outcomes.set(key, { error: renderProblem(error, variant) });
      }
    }),
  );
  const facts = new Map(checkout.clusters.map((cluster) => [cluster.id, cluster.facts]));
  const plan = planFleet({
    commit: tree.commit,
    atMs: tree.committedAtMs,
    clusters: checkout.clusters.map(({ id }) => id),
    previous: new Map(),
    resolution: { ...resolution, apps: new Map(wanted) },
    rendered: outcomes,
    objectsOf: () => undefined,
    clearHolds: [],
    factsOf: (cluster) => facts.get(cluster),
    ...(checkout.contract.fleet !== undefined && { guards: checkout.contract.fleet.guards }),
  });
  return { rendered, problems: [...resolution.problems, ...plan.problems, ...warnings] };
}

/** The planner only compares packs, so the variant's key will do as an address. */
function plannedVariant(key: VariantKey, result: Rendered): RenderedVariant {
  const objects = result.objects.map(({ object, file, unstable }) => describeObject(object, file, unstable));
  return { pack: { digest: key, keyId: key, size: 0, chunks: 0, objects: objects.length }, objects };
}
