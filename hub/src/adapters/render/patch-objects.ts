import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { idOf } from "@axle/core/manifest/object.ts";
import type { Variant } from "@axle/core/placement/variant.ts";
import { readObjects, type FoundObject } from "./finish-objects.ts";
import { placeOf, RenderError } from "./render-error.ts";
import { cleanMessage } from "./renderer-message.ts";
import { subjectOf, type Sandbox } from "./sandbox.ts";

/**
 * Applies a variant's patches (JSON 6902 and strategic merge) with kustomize itself, over what was rendered: whoever
 * knows kustomize knows what they do. They see objects as their source wrote them, before the App's namespace is filled in.
 */
export async function patchObjects(
  found: readonly FoundObject[],
  variant: Variant,
  tools: { readonly sandbox: Sandbox; readonly kustomize: string; readonly signal: AbortSignal },
): Promise<readonly FoundObject[]> {
  if (variant.patches.length === 0 || found.length === 0) return found;
  for (const patch of variant.patches) refuseUnknownFields(patch, variant);
  const folder = await tools.sandbox.makeFolder();
  try {
    // JSON is YAML, and leaves no doubt about any value.
    const objects = found.map(({ object }) => JSON.stringify(object)).join("\n---\n");
    const kustomization = { resources: ["objects.yaml"], patches: variant.patches };
    await writeFile(join(folder, "objects.yaml"), objects, { mode: 0o644 });
    await writeFile(join(folder, "kustomization.yaml"), JSON.stringify(kustomization), { mode: 0o644 });
    const command = { program: tools.kustomize, args: ["build", "."], cwd: folder, subject: subjectOf(variant) };
    const output = await tools.sandbox.run(command, tools.signal);
    const files = new Map(found.map((entry) => [idOf(entry.object), entry]));
    const file = found[0]?.file ?? variant.path;
    return (await readObjects(output, { file, own: false }, tools.signal)).map(({ object }) => ({
      object,
      file: files.get(idOf(object))?.file ?? file,
    }));
  } catch (error) {
    if (!(error instanceof RenderError) || error.code !== "renderer") throw error;
    throw new RenderError("renderer", `the App's patches cannot be applied: ${cleanMessage(error.message, folder)}`, {
      place: placeOf(variant.path),
      cause: error,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function refuseUnknownFields(patch: Readonly<Record<string, unknown>>, variant: Variant): void {
  const unknown = Object.keys(patch).find((field) => !["target", "patch", "options"].includes(field));
  if (unknown === undefined && typeof patch["patch"] === "string") return;
  const found = unknown === undefined ? "no text in patch" : JSON.stringify(unknown);
  throw new RenderError(
    "source",
    `a patch of the App has ${found}; expected target (optional) and patch (the patch itself, as text)`,
    {
      place: placeOf(variant.path),
    },
  );
}
