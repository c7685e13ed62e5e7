/**
 * Where in an object a walk is. `text`: everything below is text to Kubernetes, whatever it looks like. `env`: in a list of
 * environment variables, whose `value` is text. `data`: in an object whose `data` and `stringData` are text. `metadata`: where names are
 * text.
 */
export type TextPlace = "any" | "text" | "env" | "data" | "metadata";

/** Maps and lists of text in all objects that have them. */
const TEXT_KEYS: ReadonlySet<string> = new Set([
  "annotations",
  "args",
  "command",
  "labels",
  "matchLabels",
  "nodeSelector",
  "selector",
]);
const NAME_KEYS: ReadonlySet<string> = new Set(["name", "namespace", "generateName"]);
const DATA_KEYS: ReadonlySet<string> = new Set(["data", "stringData", "binaryData"]);
const DATA_KINDS: ReadonlySet<unknown> = new Set(["ConfigMap", "Secret"]);

/** The place of a mapping's members, when the mapping itself stands at `place`. */
export function placeOf(mapping: object, place: TextPlace): TextPlace {
  if (place !== "any") return place;
  const { apiVersion, kind } = mapping as { readonly apiVersion?: unknown; readonly kind?: unknown };
  return apiVersion === "v1" && DATA_KINDS.has(kind) ? "data" : place;
}

/** The place of what stands under `key`. */
export function placeWithin(place: TextPlace, key: string): TextPlace {
  if (place === "text" || TEXT_KEYS.has(key)) return "text";
  if (place === "env" && key === "value") return "text";
  if (place === "data" && DATA_KEYS.has(key)) return "text";
  if (place === "metadata" && NAME_KEYS.has(key)) return "text";
  return key === "env" || key === "metadata" ? key : "any";
}
