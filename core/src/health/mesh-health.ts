import type { KubeObject } from "../manifest/object.ts";
import { customResourceHealth } from "./custom-resource-health.ts";
import { type Fields, listAt, textAt } from "./object-fields.ts";
import { degraded, type HealthVerdict, healthy } from "./verdict.ts";

/** Configuration of Istio: what its analysis says, where that is switched on; without a status it has no health. */
export function meshConfigHealth(object: KubeObject): HealthVerdict | undefined {
  const messages = listAt(object, "status.validationMessages");
  const errors = messages.filter((message) => /^ERROR$/i.test(textAt(message, "level")));
  if (errors.length > 0) return degraded(errors.map(sayMessage).join("; "));
  const verdict = customResourceHealth(object);
  return verdict?.health === "Healthy" && messages.length > 0 ? healthy(messages.map(sayMessage).join("; ")) : verdict;
}

function sayMessage(message: Fields): string {
  const name = textAt(message, "type.name");
  const code = textAt(message, "type.code");
  const more = textAt(message, "documentationUrl");
  return [`${name || "validation"}${code === "" ? "" : ` (${code})`}`, more]
    .filter((part) => part !== "")
    .join(", see ");
}
