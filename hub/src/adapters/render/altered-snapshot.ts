import type { Snapshot } from "../../ports.ts";
import { parentOf } from "./snapshot-index.ts";

let alterations = 0;

/** For tests: the snapshot with another file, or a file changed, as far as paths and Git ids go. `path`: without links. */
export function withFile(snapshot: Snapshot, path: string, text = ""): Snapshot {
  const { root, files, folders, links } = without(snapshot, path);
  const oid = `altered-${(alterations += 1)}`;
  files.set(path, { oid, mode: "file", size: text.length });
  for (let folder = path; folder !== "";) folders.set((folder = parentOf(folder)), oid);
  return {
    ...snapshot,
    root,
    files,
    folders,
    links,
    readTexts: async (paths, signal) => {
      const known = paths.filter((each) => snapshot.files.has(each));
      const texts = new Map(await snapshot.readTexts(known, signal));
      for (const each of paths) if (each === path && !snapshot.files.has(path)) texts.set(path, text);
      return texts;
    },
  };
}

/** For tests: the snapshot in which a link leads elsewhere. */
export function withLink(snapshot: Snapshot, path: string, target: string): Snapshot {
  const altered = withFile(snapshot, path);
  const { oid = "" } = altered.files.get(path) ?? {};
  const files = new Map(altered.files).set(path, { oid, mode: "link", size: target.length });
  return { ...altered, files, links: new Map(altered.links).set(path, target) };
}

/** Copies, without what stands at or below a path. */
function without({ root, files, folders, links }: Snapshot, path: string) {
  const isOther = ([each]: readonly [string, unknown]): boolean => each !== path && !each.startsWith(`${path}/`);
  return {
    root,
    files: new Map([...files].filter(isOther)),
    folders: new Map([...folders].filter(isOther)),
    links: new Map([...links].filter(isOther)),
  };
}
