import type { Problem } from "@axle/core/fleet/problem.ts";
import { describeRef, refOf, type ObjectId } from "@axle/core/manifest/object.ts";
import type { RenderedObject } from "../../ports.ts";
import { warning } from "./finish-objects.ts";

/** What is not the same in two renders of one input. */
export interface Differences {
  /** JSON pointers to fields, by object; the values are in the first render. */
  readonly fields: ReadonlyMap<ObjectId, readonly string[]>;
  /** Objects of the first render that the second does not have: their names are made anew each time. */
  readonly renamed: readonly RenderedObject[];
}

export function compareRenders(first: readonly RenderedObject[], second: readonly RenderedObject[]): Differences {
  const others = new Map(second.map(({ id, object }) => [id, object]));
  const fields = new Map<ObjectId, readonly string[]>();
  const renamed: RenderedObject[] = [];
  for (const rendered of first) {
    const other = others.get(rendered.id);
    if (other === undefined) {
      renamed.push(rendered);
      continue;
    }
    const pointers = [...differingPointers(rendered.object, other, "")];
    if (pointers.length > 0) fields.set(rendered.id, pointers);
  }
  return { fields, renamed };
}

function* differingPointers(a: unknown, b: unknown, pointer: string): Generator<string> {
  if (Object.is(a, b)) return;
  if (!isContainer(a) || !isContainer(b) || Array.isArray(a) !== Array.isArray(b)) {
    // What only the second has is in no pack, so nothing of it can stay.
    if (a !== undefined) yield pointer;
    return;
  }
  for (const key of Object.keys(a)) {
    const step = key.replaceAll("~", "~0").replaceAll("/", "~1");
    const [here, there] = [(a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]];
    yield* differingPointers(here, there, `${pointer}/${step}`);
  }
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Items listed in a message; more are counted. */
const SHOWN = 8;

/** In words, without values: they may be secrets. */
export function describeDifferences(
  { fields, renamed }: Differences,
  objects: readonly RenderedObject[],
  about: { readonly app: string; readonly file: string },
): readonly Problem[] {
  const problems: Problem[] = [];
  const unstable = (message: string): void => {
    problems.push({ ...warning(message, about), code: "unstable-render" });
  };
  const named = objects.flatMap(({ id, object }) => {
    const pointers = fields.get(id);
    return pointers === undefined ? [] : [`${describeRef(refOf(object))}: ${list(pointers.map(pathOf))}`];
  });
  if (named.length > 0) {
    unstable(
      `renders differently each time: ${list(named, "; ")}; the values first published stay for as long as the app exists, ` +
        "and sync.regenerate renews them; better give fixed values, or take them from a Secret made elsewhere",
    );
  }
  if (renamed.length > 0) {
    unstable(
      `makes new names each time: ${list(renamed.map(({ object }) => describeRef(refOf(object))))}; every change of the app's inputs ` +
        "replaces these objects by others; give them fixed names",
    );
  }
  return problems;
}

/** `/data/tls.key` as people write it: `data["tls.key"]`, `spec.list[0]`. */
function pathOf(pointer: string): string {
  const steps = pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  return steps.reduce((path, step) => {
    if (/^\d+$/.test(step)) return `${path}[${step}]`;
    if (/^[\w-]+$/.test(step)) return path === "" ? step : `${path}.${step}`;
    return `${path}[${JSON.stringify(step)}]`;
  }, "");
}

function list(items: readonly string[], separator = ", "): string {
  const more = items.length > SHOWN ? `${separator}and ${items.length - SHOWN} more` : "";
  return `${items.slice(0, SHOWN).join(separator)}${more}`;
}
