import type { FleetGuards } from "../../fleet/fleet.ts";
import type { Problem } from "../../fleet/problem.ts";
import { describeRef, parseId } from "../../manifest/object.ts";
import type { RenderedObject } from "../rendered-variant.ts";
import type { PlainSecrets } from "./find-plain-secrets.ts";
import type { Uncontrolled } from "./find-uncontrolled.ts";
import type { Unserved } from "./find-unserved.ts";

/** An error where the fleet denies it, else a warning. */
export function plainSecretProblem({ app, objects }: PlainSecrets, guard: FleetGuards["plainSecrets"]): Problem {
  const first = objects[0] as RenderedObject;
  const more = objects.length > 1 ? ` (and ${objects.length - 1} more)` : "";
  const denied = guard === "deny" ? "; spec.guards.plainSecrets of axle.yaml is deny" : "";
  const message = `${describe(first)}${more} stands in the repository in the clear; encrypt it with SOPS, or let an operator fetch it${denied}`;
  const severity = guard === "deny" ? "error" : "warning";
  return { severity, code: "plain-secret", message, place: placeOf(first), app };
}

/** `names`: the clusters it is about, as people call them, sorted; at least one. */
export function unservedProblem(
  { app, object, reason, code }: Unserved,
  names: readonly string[],
  severity: Problem["severity"],
): Problem {
  const message = `${describe(object)} cannot be applied on ${listed(names)}: ${reason}`;
  return { severity, code, message, place: placeOf(object), app };
}

/** `names`: the clusters it is about, as people call them, sorted; at least one. */
export function uncontrolledProblem(
  { app, object, controller, tool }: Uncontrolled,
  names: readonly string[],
): Problem {
  const message =
    `${describe(object)} is acted on by ${tool}'s ${controller} alone, and no app brings that to ${listed(names)}: ` +
    "unless it runs there by other means, nothing comes of it; let Axle deliver what it names instead (see docs/howto/leave-flux-or-argo.md)";
  return { severity: "warning", code: "no-controller", message, place: placeOf(object), app };
}

function listed(names: readonly string[]): string {
  return names.length === 1 ? `cluster "${names[0]}"` : `cluster "${names[0]}" and ${names.length - 1} more`;
}

function describe({ id }: RenderedObject): string {
  const ref = parseId(id);
  return ref === undefined ? id : describeRef(ref);
}

function placeOf({ file }: RenderedObject): { file: string; line: number; column: number } {
  return { file, line: 0, column: 0 };
}
