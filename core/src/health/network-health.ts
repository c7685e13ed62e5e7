import type { KubeObject } from "../manifest/object.ts";
import { listAt, textAt } from "./object-fields.ts";
import { type HealthVerdict, healthy, progressing } from "./verdict.ts";

export function serviceHealth(object: KubeObject): HealthVerdict {
  if (textAt(object, "spec.type") !== "LoadBalancer") return healthy();
  return hasAddress(object) ? healthy() : progressing("waits for its load balancer's address");
}

/** Some ingress controllers never write an address; a rule of the app can overrule this one. */
export function ingressHealth(object: KubeObject): HealthVerdict {
  return hasAddress(object) ? healthy() : progressing("waits for an address from its ingress controller");
}

function hasAddress(object: KubeObject): boolean {
  return listAt(object, "status.loadBalancer.ingress").length > 0;
}
