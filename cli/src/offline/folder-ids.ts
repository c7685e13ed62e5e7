import { createHash } from "node:crypto";
import type { SnapshotFile } from "@axle/hub/ports.ts";

const MODES = { file: "100644", executable: "100755", link: "120000" } as const;

interface Folder {
  readonly files: Map<string, SnapshotFile>;
  readonly folders: Map<string, Folder>;
}

/** The id Git gives each folder of these files, by path; "" is the root. Equal id, equal content. */
export function folderIds(files: ReadonlyMap<string, SnapshotFile>): ReadonlyMap<string, string> {
  const root: Folder = { files: new Map(), folders: new Map() };
  for (const [path, file] of files) {
    const names = path.split("/");
    const last = names.pop() ?? "";
    let folder = root;
    for (const name of names) {
      const next = folder.folders.get(name) ?? { files: new Map(), folders: new Map() };
      folder.folders.set(name, next);
      folder = next;
    }
    folder.files.set(last, file);
  }
  const ids = new Map<string, string>();
  hashFolder(root, "", ids);
  return ids;
}

function hashFolder(folder: Folder, path: string, ids: Map<string, string>): string {
  const entries = [
    ...[...folder.files].map(([name, { mode, oid }]) => ({ name, sortName: name, mode: MODES[mode], oid })),
    // Git sorts a folder as if its name ended in a slash.
    ...[...folder.folders].map(([name, child]) => ({
      name,
      sortName: `${name}/`,
      mode: "40000",
      oid: hashFolder(child, path === "" ? name : `${path}/${name}`, ids),
    })),
  ].toSorted((a, b) => Buffer.compare(Buffer.from(a.sortName), Buffer.from(b.sortName)));
  const body = Buffer.concat(
    entries.flatMap(({ name, mode, oid }) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(oid, "hex")]),
  );
  const id = createHash("sha1").update(`tree ${body.length}\0`).update(body).digest("hex");
  ids.set(path, id);
  return id;
}
