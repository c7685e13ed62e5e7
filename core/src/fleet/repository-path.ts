/** Paths inside the repository: relative to the root, `/` between segments, no slash at either end; "" is the root. */

/** The one file a repository must have. */
export const FLEET_FILE = "axle.yaml";

/**
 * A path as somebody wrote it in a file of folder `base`; a leading slash starts at the root. Undefined when it leaves
 * the repository.
 */
export function resolveRepositoryPath(base: string, written: string): string | undefined {
  const segments = written.startsWith("/") || base === "" ? [] : base.split("/");
  for (const segment of written.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") segments.push(segment);
    else if (segments.pop() === undefined) return undefined;
  }
  return segments.join("/");
}

export function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

export function baseNameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Files in which App objects are looked for: `app.yaml` and `*.app.yaml`. */
export function isAppFileName(path: string): boolean {
  return /^(.+\.)?app\.ya?ml$/.test(baseNameOf(path));
}
