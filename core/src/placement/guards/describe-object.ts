import { idOf } from "../../manifest/object.ts";
import type { KubeObject } from "../../manifest/object.ts";
import { isPlainSecret } from "../../manifest/sops.ts";
import type { RenderedObject } from "../rendered-variant.ts";

/**
 * What guards need to know of a rendered object, and no more: no content, so that it may be kept in clear (S5). `unstable`:
 * JSON pointers to what comes out otherwise at each render.
 */
export function describeObject(object: KubeObject, file: string, unstable: readonly string[] = []): RenderedObject {
  const defines = kindsDefinedBy(object);
  return {
    id: idOf(object),
    file,
    apiVersion: object.apiVersion,
    ...(isPlainSecret(object, new Set(unstable)) && { plainSecret: true as const }),
    ...(defines.length > 0 && { defines }),
  };
}

/** `group/version/Kind` for every version a CustomResourceDefinition serves. */
function kindsDefinedBy(object: KubeObject): readonly string[] {
  if (object.kind !== "CustomResourceDefinition" || !isRecord(object["spec"])) return [];
  const { group, names, versions } = object["spec"];
  const kind = isRecord(names) ? names["kind"] : undefined;
  if (typeof group !== "string" || typeof kind !== "string" || !Array.isArray(versions)) return [];
  return versions.flatMap((version: unknown) =>
    isRecord(version) && typeof version["name"] === "string" && version["served"] !== false
      ? [`${group}/${version["name"]}/${kind}`]
      : [],
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
