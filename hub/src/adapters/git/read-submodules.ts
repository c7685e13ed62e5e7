/** One entry of `.gitmodules`: the commit is recorded in the tree, not here. */
export interface SubmoduleEntry {
  readonly path: string;
  /** As written. */
  readonly url: string;
}

/** Entries by path, and why others are not believed. */
export interface SubmoduleEntries {
  readonly entries: ReadonlyMap<string, SubmoduleEntry>;
  readonly refused: ReadonlyMap<string, string>;
}

/**
 * Reads what `git config --blob=… -z --list` prints of a `.gitmodules` file. Who wrote the file is a stranger: names and paths
 * that git itself once followed out of the repository, and values that read as options, are refused. Of `update`, `branch`
 * and all other settings nothing is read.
 */
export function readSubmodules(listed: string): SubmoduleEntries {
  const byName = new Map<string, { path?: string; url?: string }>();
  const doubled = new Set<string>();
  for (const item of listed.split("\0")) {
    const lineEnd = item.indexOf("\n");
    const key = lineEnd < 0 ? item : item.slice(0, lineEnd);
    const [, name, setting] = /^submodule\.([\s\S]+)\.(path|url)$/.exec(key) ?? [];
    if (name === undefined || (setting !== "path" && setting !== "url")) continue;
    const entry = byName.get(name) ?? {};
    if (entry[setting] !== undefined) doubled.add(name);
    entry[setting] = lineEnd < 0 ? "" : item.slice(lineEnd + 1);
    byName.set(name, entry);
  }
  const entries = new Map<string, SubmoduleEntry>();
  const refused = new Map<string, string>();
  for (const [name, { path, url }] of byName) {
    if (path === undefined) continue;
    const fault = doubled.has(name) ? "is there twice" : (faultOfName(name) ?? faultOfPath(path) ?? faultOfUrl(url));
    if (fault !== undefined) refused.set(path, fault);
    else if (entries.has(path)) refused.set(path, "has two entries for one path");
    else entries.set(path, { path, url: url ?? "" });
  }
  for (const path of refused.keys()) entries.delete(path);
  return { entries, refused };
}

function faultOfName(name: string): string | undefined {
  if (name.split(/[\\/]/).some((part) => part === "..")) return "has a name with .. in it";
  return name.startsWith("-") || /\p{Cc}/u.test(name) ? "has a name git would misread" : undefined;
}

function faultOfPath(path: string): string | undefined {
  const parts = path.split("/");
  if (path === "" || path.startsWith("-") || /[\p{Cc}\\]/u.test(path)) return "has a path git would misread";
  const isOutside = parts.some((part) => part === "" || part === "." || part === ".." || /^\.git$/i.test(part));
  return isOutside ? "has a path that leaves the repository, or that is Git's own" : undefined;
}

function faultOfUrl(url: string | undefined): string | undefined {
  if (url === undefined || url === "") return "has no url";
  return url.startsWith("-") || /\p{Cc}/u.test(url) ? "has a url git would misread" : undefined;
}
