import { chmod, copyFile, mkdir, mkdtemp, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Variant, valuesFilesOf } from "@axle/core/placement/variant.ts";
import type { Snapshot } from "../../ports.ts";
import { resolvePath } from "../git/resolve-path.ts";
import { readSetOfKustomization } from "./kustomize-read-set.ts";
import { joinPath, SnapshotIndex } from "./snapshot-index.ts";
import { sourceTypeOf } from "./source-type.ts";

/**
 * For tests: a snapshot whose tree on disk holds only what the memo key of a variant covers. What renders the same there
 * reads nothing that the key does not know.
 */
export async function reduceSnapshot(
  snapshot: Snapshot,
  variant: Variant,
  options: { readonly folder: string; readonly signal: AbortSignal },
): Promise<{ readonly snapshot: Snapshot; readonly covered: ReadonlySet<string> }> {
  const index = SnapshotIndex.of(snapshot);
  const { path } = index.find(variant.path);
  const requests =
    sourceTypeOf(index, path) === "kustomize"
      ? (await readSetOfKustomization(snapshot, variant.path, options.signal)).requests
      : [variant.path];
  const covered = coveredBy(index, [...requests, ...valuesFilesOf(variant)]);
  const root = await mkdtemp(join(options.folder, "reduced-"));
  await chmod(root, 0o755);
  for (const file of covered) {
    const target = join(root, file);
    await mkdir(dirname(target), { recursive: true });
    const link = snapshot.links.get(file);
    if (link === undefined) await copyFile(join(snapshot.root, file), target);
    else await symlink(link, target);
  }
  await mkdir(join(root, path), { recursive: true });
  const { commit, subject, committedAtMs, files, folders, links, warnings } = snapshot;
  const readTexts: Snapshot["readTexts"] = async (paths, signal) => {
    const outside = paths.map((each) => index.find(each).path).find((each) => !covered.has(each));
    if (outside !== undefined) throw new TypeError(`"${outside}" is read and not covered`);
    return snapshot.readTexts(paths, signal);
  };
  return {
    covered,
    snapshot: { commit, subject, committedAtMs, files, folders, links, warnings, root, readTexts },
  };
}

/** Files and links whose content, or absence, the text of a read set says. */
function coveredBy(index: SnapshotIndex, requests: readonly string[]): ReadonlySet<string> {
  const covered = new Set<string>();
  const pending = [...requests];
  const seen = new Set<string>();
  for (let request = pending.pop(); request !== undefined; request = pending.pop()) {
    if (seen.has(request)) continue;
    seen.add(request);
    const resolved = resolvePath(index.snapshot.links, request);
    if (resolved.type === "inside") for (const link of resolved.links) covered.add(link);
    const found = index.find(request);
    if (found.type === "file") covered.add(found.path);
    if (found.type !== "folder") continue;
    for (const file of index.snapshot.files.keys()) {
      if (found.path !== "" && !file.startsWith(joinPath(found.path, ""))) continue;
      covered.add(file);
      if (index.snapshot.links.has(file)) pending.push(file);
    }
  }
  return covered;
}
