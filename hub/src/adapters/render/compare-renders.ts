import type { Problem } from "@axle/core/fleet/problem.ts";
import { describeRef, idOf, refOf, type KubeObject } from "@axle/core/manifest/object.ts";

import { placeOf } from "./render-error.ts";

/** The warning about two renders of the same input that differ; undefined when they are equal. */
export function unstableWarning(
  renders: readonly (readonly { readonly object: KubeObject }[])[],
  about: { readonly app: string; readonly file: string },
): Problem | undefined {
  const [first = [], second = first] = renders.map((render) => render.map(({ object }) => object));
  const differences = describeDifferences(first, second);
  if (differences === undefined) return undefined;
  const message =
    `renders differently each time: ${differences}; the values of this render stay until the app's inputs change; ` +
    "give fixed values, or take them from a Secret made elsewhere";
  return { severity: "warning", code: "unstable-render", message, place: placeOf(about.file), app: about.app };
}

/** Names listed in a message; more are counted. */
const SHOWN = 8;

/**
 * What differs between two renders of the same input, in words: `Secret web/tls: data.tls.key`. Undefined when nothing
 * does. Values are not shown: they may be secrets.
 */
export function describeDifferences(first: readonly KubeObject[], second: readonly KubeObject[]): string | undefined {
  const others = new Map(second.map((object) => [idOf(object), object]));
  const differences: string[] = [];
  for (const object of first) {
    const other = others.get(idOf(object));
    others.delete(idOf(object));
    const name = describeRef(refOf(object));
    if (other === undefined) differences.push(`${name} (not always there)`);
    else {
      const paths = [...differingPaths(object, other, "")];
      if (paths.length > 0) differences.push(`${name}: ${list(paths)}`);
    }
  }
  for (const object of others.values()) differences.push(`${describeRef(refOf(object))} (not always there)`);
  return differences.length === 0 ? undefined : list(differences, "; ");
}

function* differingPaths(a: unknown, b: unknown, path: string): Generator<string> {
  if (Object.is(a, b)) return;
  if (!isContainer(a) || !isContainer(b) || Array.isArray(a) !== Array.isArray(b)) {
    yield path;
    return;
  }
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const step = Array.isArray(a) ? `[${key}]` : path === "" ? key : `.${key}`;
    yield* differingPaths((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], `${path}${step}`);
  }
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function list(items: readonly string[], separator = ", "): string {
  const more = items.length > SHOWN ? `${separator}and ${items.length - SHOWN} more` : "";
  return `${items.slice(0, SHOWN).join(separator)}${more}`;
}
