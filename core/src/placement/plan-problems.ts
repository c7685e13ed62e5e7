import type { App } from "../fleet/app.ts";
import type { Problem } from "../fleet/problem.ts";
import { describeRef, parseId } from "../manifest/object.ts";
import type { ObjectId } from "../manifest/object.ts";
import type { Duplicate } from "./find-duplicates.ts";
import type { RenderedVariant } from "./rendered-variant.ts";

export function notRendered(app: App): Problem {
  return { severity: "error", code: "render", message: "was not rendered", place: app.declaredAt };
}

/** The renderer's own error, or two documents of one app that are the same object. */
export function faultOf(app: App, rendered: RenderedVariant): Problem | undefined {
  if ("error" in rendered) return rendered.error;
  const files = new Map<ObjectId, string>();
  for (const { id, file } of rendered.objects) {
    const other = files.get(id);
    if (other !== undefined) {
      const where = other === file ? `twice in ${file}` : `in ${other} and in ${file}`;
      const message = `${describeId(id)} is declared ${where}; keep one`;
      return { severity: "error", code: "duplicate-object", message, place: app.declaredAt };
    }
    files.set(id, file);
  }
  return undefined;
}

export function duplicateProblem(duplicate: Duplicate, index: number, held: ReadonlySet<string>): Problem {
  const { objects, files, apps, clusters } = duplicate;
  const other = 1 - index;
  const name = apps[index] as string;
  const rival = apps[other] as string;
  const more = objects.length > 1 ? ` (and ${objects.length - 1} more)` : "";
  const where = clusters.length === 1 ? `cluster ${clusters[0]}` : `${clusters.length} clusters`;
  const isHeld = held.has(rival) ? ", which is held where it was" : "";
  const message =
    `${describeId(objects[0] ?? "")}${more} is declared by app "${name}" (${files[index]}) and by app "${rival}" (${files[other]})` +
    `${isHeld}, both for ${where}; keep it in one of them`;
  return {
    severity: "error",
    code: "duplicate-object",
    message,
    place: { file: files[index] as string, line: 0, column: 0 },
    app: name,
  };
}

function describeId(id: ObjectId): string {
  const ref = parseId(id);
  return ref === undefined ? id : describeRef(ref);
}
