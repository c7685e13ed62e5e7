import type { KubeObject } from "../manifest/object.ts";
import { textAt } from "./object-fields.ts";
import { degraded, type HealthVerdict, healthy, progressing } from "./verdict.ts";

export function volumeClaimHealth(object: KubeObject): HealthVerdict {
  const phase = textAt(object, "status.phase");
  if (phase === "Bound") return healthy();
  if (phase === "Lost") return degraded("its volume is lost");
  return progressing("waits for a volume; where its class binds late, for the first pod that uses it");
}
