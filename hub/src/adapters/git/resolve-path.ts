/** Where a path leads once every link on the way is followed. */
export type ResolvedPath =
  /** Inside the repository; it may not exist. `links` are the links that were followed, in order. */
  | { readonly type: "inside"; readonly path: string; readonly links: readonly string[] }
  /** Leaves the repository; `via` is the link that does, undefined when the path itself does. */
  | { readonly type: "outside"; readonly via: string | undefined }
  /** More links than any system follows. */
  | { readonly type: "loop"; readonly via: string };

/** As many as Linux follows before it gives up. */
const MAX_LINKS = 40;

/**
 * Follows a path as the file system would, from the links of a commit (path -> target as written) alone: `path` is
 * relative to the root of the repository and may hold `.` and `..`.
 */
export function resolvePath(links: ReadonlyMap<string, string>, path: string): ResolvedPath {
  const pending = path.split("/").reverse();
  const done: string[] = [];
  const followed: string[] = [];
  if (path.startsWith("/")) return { type: "outside", via: undefined };
  for (let segment = pending.pop(); segment !== undefined; segment = pending.pop()) {
    if (segment === "" || segment === ".") continue;
    if (segment === "..") {
      if (done.pop() === undefined) return { type: "outside", via: followed.at(-1) };
      continue;
    }
    done.push(segment);
    const here = done.join("/");
    const target = links.get(here);
    if (target === undefined) continue;
    followed.push(here);
    if (followed.length > MAX_LINKS) return { type: "loop", via: here };
    if (target.startsWith("/")) return { type: "outside", via: here };
    done.pop();
    pending.push(...target.split("/").reverse());
  }
  return { type: "inside", path: done.join("/"), links: followed };
}
