import type { KubeObject } from "@axle/core/manifest/object.ts";
import { substitute } from "@axle/core/slice/substitute.ts";
import type { Checkout } from "./checkout.ts";
import type { RenderedCheckout } from "./render-checkout.ts";

export interface AppObjects {
  readonly app: string;
  readonly objects: readonly KubeObject[];
}

/** What one cluster would get, app by app, with the agent's part done too: the cluster's values put in. */
export function clusterObjects(checkout: Checkout, rendering: RenderedCheckout, clusterId: string): AppObjects[] {
  const result: AppObjects[] = [];
  for (const [name, { targets }] of checkout.resolution.apps) {
    const target = targets.get(clusterId);
    const rendered = target && rendering.rendered.get(target.variant);
    if (target === undefined || rendered === undefined) continue;
    const objects = rendered.objects.map(({ object }) => substitute(object, target.substitutions));
    result.push({ app: name, objects });
  }
  return result;
}
