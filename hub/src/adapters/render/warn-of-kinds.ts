import type { Problem } from "@axle/core/fleet/problem.ts";
import { unknownBuiltIn } from "@axle/core/manifest/kind-scope.ts";
import { refOf } from "@axle/core/manifest/object.ts";
import type { RenderedObject } from "../../ports.ts";
import { warning } from "./finish-objects.ts";

/** Kinds that no cluster can know, each once: most likely typing errors, which neither kustomize nor helm notices. */
export function warnOfKinds(objects: readonly RenderedObject[], app: string): readonly Problem[] {
  const found = new Map<string, Problem>();
  for (const { object, file } of objects) {
    const { group, kind } = refOf(object);
    const message = unknownBuiltIn(group, kind);
    if (message === undefined || found.has(message)) continue;
    found.set(message, { ...warning(message, { app, file }), code: "unknown-kind" });
  }
  return [...found.values()];
}
