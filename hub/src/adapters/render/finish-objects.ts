import type { Problem } from "@axle/core/fleet/problem.ts";
import { compareForApply } from "@axle/core/manifest/kind-order.ts";
import { isClusterScoped } from "@axle/core/manifest/kind-scope.ts";
import { describeRef, idOf, refOf, type KubeObject } from "@axle/core/manifest/object.ts";
import { parseManifestInSteps } from "@axle/core/manifest/parse-manifest.ts";
import { runInSteps } from "@axle/runtime/run-in-steps.ts";
import type { RenderedObject } from "../../ports.ts";
import { RenderError, placeOf } from "./render-error.ts";

/** An object as a renderer gave it, before anything of ours is done to it. */
export interface FoundObject {
  readonly object: KubeObject;
  readonly file: string;
  /** Line in `file`, where it is that file's own. */
  readonly line?: number;
}

export interface FoundObjects {
  /** One, or two of the same input where they may differ. */
  readonly renders: readonly (readonly FoundObject[])[];
  readonly warnings: readonly Problem[];
}

/** Reads the objects of a text, leaving the event loop to others now and then. `own`: the text is the file itself, so its lines mean something. Throws RenderError `manifest`. */
export async function readObjects(
  text: string,
  from: { readonly file: string; readonly own: boolean },
  signal: AbortSignal,
): Promise<readonly FoundObject[]> {
  const { objects, problems } = await runInSteps(parseManifestInSteps(text, from.file), signal);
  const problem = problems[0];
  if (problem !== undefined) {
    const field = problem.field === undefined ? "" : `${problem.field}: `;
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more of this kind)` : "";
    const place = from.own ? (problem.place ?? placeOf(from.file)) : placeOf(from.file);
    throw new RenderError("manifest", `${field}${problem.message}${more}`, { place });
  }
  return objects.map(({ object, place }) => ({ object, file: from.file, ...(from.own && { line: place.line }) }));
}

const MAX_OBJECTS = 20_000;
const MAX_OBJECT_BYTES = 1_500_000;

/**
 * Makes objects what a pack holds: without what only an API server writes, each in its namespace, none twice, in the
 * order they are applied. Throws RenderError `manifest` for a namespaced object without a namespace, `duplicate`, `too-large`.
 */
export function finishObjects(found: readonly FoundObject[], namespace: string | undefined): readonly RenderedObject[] {
  if (found.length > MAX_OBJECTS) {
    const message = `renders ${found.length} objects, an app may have ${MAX_OBJECTS}; split it into several`;
    throw new RenderError("too-large", message, { place: placeOf(found[MAX_OBJECTS]?.file ?? "") });
  }
  const scopes = scopesOf(found);
  const finished = new Map<string, RenderedObject & { readonly line: number | undefined }>();
  for (const { object, file, line } of found) {
    const placed = placeInNamespace(withoutServerFields(object), { scopes, namespace, file, line });
    const id = idOf(placed);
    const size = JSON.stringify(placed).length;
    if (size > MAX_OBJECT_BYTES) {
      const message = `${describeRef(refOf(placed))} has ${size} bytes as JSON, an object may have ${MAX_OBJECT_BYTES}: no API server stores more`;
      throw new RenderError("too-large", message, { place: placeOf(file, line ?? 0, line === undefined ? 0 : 1) });
    }
    const twin = finished.get(id);
    if (twin !== undefined) {
      const other = twin.file === file ? "the same file" : `"${twin.file}"`;
      throw new RenderError(
        "duplicate",
        `${describeRef(refOf(placed))} is declared twice, also in ${other}; keep one`,
        {
          place: placeOf(file, line ?? 0, line === undefined ? 0 : 1),
        },
      );
    }
    finished.set(id, { id, object: placed, file, line });
  }
  return [...finished.values()]
    .sort((a, b) => compareForApply(a.object, b.object))
    .map(({ id, object, file }) => ({ id, object, file }));
}

/** Scopes of the kinds whose definitions are part of the render: `group/Kind` -> stands outside namespaces. */
function scopesOf(found: readonly FoundObject[]): ReadonlyMap<string, boolean> {
  const scopes = new Map<string, boolean>();
  for (const { object } of found) {
    if (object.kind !== "CustomResourceDefinition") continue;
    const spec = object["spec"] as { group?: unknown; scope?: unknown; names?: { kind?: unknown } } | null | undefined;
    if (typeof spec?.group !== "string" || typeof spec.names?.kind !== "string") continue;
    scopes.set(`${spec.group}/${spec.names.kind}`, spec.scope === "Cluster");
  }
  return scopes;
}

function placeInNamespace(
  object: KubeObject,
  context: {
    readonly scopes: ReadonlyMap<string, boolean>;
    readonly namespace: string | undefined;
    readonly file: string;
    readonly line: number | undefined;
  },
): KubeObject {
  const { group, kind } = refOf(object);
  const clusterScoped = context.scopes.get(`${group}/${kind}`) ?? isClusterScoped(group, kind);
  const { namespace: own, ...metadata } = object.metadata;
  // The API server refuses or drops it; an id with it would never be found again.
  if (clusterScoped === true) return own === undefined ? object : ({ ...object, metadata } as KubeObject);
  if (own !== undefined) return object;
  if (context.namespace !== undefined) {
    // Of other kinds only the cluster knows the scope, and the agent fills the namespace in there.
    return clusterScoped === undefined
      ? object
      : { ...object, metadata: { ...object.metadata, namespace: context.namespace } };
  }
  if (clusterScoped === undefined) return object;
  throw new RenderError(
    "manifest",
    `${describeRef(refOf(object))} names no namespace; set metadata.namespace, or the namespace of the App, the layout entry or the kustomization`,
    { place: placeOf(context.file, context.line ?? 0, context.line === undefined ? 0 : 1) },
  );
}

function withoutServerFields(object: KubeObject): KubeObject {
  const { status: _status, ...rest } = object;
  if (rest.metadata["creationTimestamp"] !== null) return rest as KubeObject;
  const { creationTimestamp: _created, ...metadata } = rest.metadata;
  return { ...rest, metadata } as KubeObject;
}

export function warning(message: string, about: { readonly app: string; readonly file: string }): Problem {
  return { severity: "warning", code: "ignored", message, place: placeOf(about.file), app: about.app };
}
