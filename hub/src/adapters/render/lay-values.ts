import { rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { isEncryptedFile } from "@axle/core/manifest/sops.ts";
import { type Variant, valuesFilesOf } from "@axle/core/placement/variant.ts";
import { valuesArguments } from "./helm-arguments.ts";
import { placeOf, RenderError } from "./render-error.ts";
import type { Sandbox } from "./sandbox.ts";
import type { SnapshotIndex } from "./snapshot-index.ts";

/** How helm is told the values of a variant. */
interface LaidValues extends AsyncDisposable {
  readonly args: readonly string[];
  readonly stdin: string;
  /** All that may be a template in them, where a chart runs values as such. */
  readonly texts: readonly string[];
}

/**
 * One `--values` for each layer, in order, so that it is helm that reads the files and merges: the last mapping by way of
 * standard input, those below it as files in a folder of their own. Throws RenderError `source` for a file that is not there, or
 * that SOPS encrypted.
 */
export async function layValues(
  {
    index,
    variant,
    chartFile,
  }: { readonly index: SnapshotIndex; readonly variant: Variant; readonly chartFile: string },
  sandbox: Sandbox,
  signal: AbortSignal,
): Promise<LaidValues> {
  const { snapshot } = index;
  const last = variant.values.findLastIndex((layer) => typeof layer !== "string");
  const needsFolder = variant.values.some((layer, position) => typeof layer !== "string" && position !== last);
  const files = valuesFilesOf(variant);
  for (const path of files) {
    if (index.find(path).type === "file") continue;
    const message = `the values file "${path}" is not in the repository; check valuesFiles of the App`;
    throw new RenderError("source", message, { place: placeOf(chartFile) });
  }
  const texts = await snapshot.readTexts(files, signal);
  for (const [path, text] of texts) refuseSealed(path, text);
  await using stack = new AsyncDisposableStack();
  const folder = needsFolder ? await sandbox.makeFolder() : undefined;
  if (folder !== undefined) stack.defer(() => rm(folder, { recursive: true, force: true }));
  const paths: string[] = [];
  for (const [position, layer] of variant.values.entries()) {
    if (typeof layer === "string") paths.push(`./${index.find(layer).path}`);
    else if (position === last || folder === undefined) paths.push("-");
    else {
      const file = join(folder, `values-${position}.json`);
      await writeFile(file, JSON.stringify(layer), { mode: 0o644 });
      paths.push(relative(snapshot.root, file));
    }
  }
  const mappings = variant.values.filter((layer) => typeof layer !== "string").map((layer) => JSON.stringify(layer));
  const owned = stack.move();
  return {
    args: valuesArguments(paths),
    stdin: mappings.at(-1) ?? "",
    texts: [...mappings, ...texts.values()],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function refuseSealed(path: string, text: string): void {
  if (!isEncryptedFile(text)) return;
  const message =
    "this values file is encrypted with SOPS, and the hub has no key: secrets are opened in their cluster alone. Keep them " +
    "in a Secret of its own, encrypted, and give the chart its name";
  throw new RenderError("source", message, { place: placeOf(path) });
}
