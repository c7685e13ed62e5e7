import { isClusterScoped } from "@axle/core/manifest/kind-scope.ts";
import { groupOf } from "@axle/core/manifest/object.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { substitute } from "@axle/core/slice/substitute.ts";
import type { Checkout } from "./checkout.ts";
import type { RenderedCheckout } from "./render-checkout.ts";

export interface AppObjects {
  readonly app: string;
  readonly objects: readonly KubeObject[];
}

/** What one cluster would get, app by app, with the agent's part done too: its values put in, namespaces filled in. */
export function clusterObjects(checkout: Checkout, rendering: RenderedCheckout, clusterId: string): AppObjects[] {
  const result: AppObjects[] = [];
  for (const [name, { app, targets }] of checkout.resolution.apps) {
    const target = targets.get(clusterId);
    const rendered = target && rendering.rendered.get(target.variant);
    if (target === undefined || rendered === undefined) continue;
    const namespace = app.settings.namespace ?? "default";
    const objects = rendered.objects.map(({ object }) =>
      inNamespace(substitute(object, target.substitutions), namespace),
    );
    result.push({ app: name, objects });
  }
  return result;
}

/** A kind only the cluster knows is left as it stands: the agent decides there. */
function inNamespace(object: KubeObject, namespace: string): KubeObject {
  if (object.metadata.namespace !== undefined) return object;
  if (isClusterScoped(groupOf(object.apiVersion), object.kind) !== false) return object;
  return { ...object, metadata: { ...object.metadata, namespace } };
}
