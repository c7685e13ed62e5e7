import type { FileSource, GitSource } from "@axle/core/fleet/source-request.ts";

/** What a kustomization means by an address that is not a path: a folder of another Git repository, or one file. */
export type RemoteAddress =
  | { readonly type: "git"; readonly request: GitSource; readonly path: string }
  | { readonly type: "file"; readonly request: FileSource }
  /** An address that is not fetched, and what to write instead. */
  | { readonly type: "refused"; readonly message: string };

/** What an address without `?ref=` stands for: the newest commit of the branch the repository shows first. */
export const DEFAULT_REF = "HEAD";

/** As long as a name in a folder may be, with room to spare. */
const LONGEST_SEGMENT = 240;

/**
 * Reads an address as kustomize does: `https://host/org/repo//path?ref=v1`, `github.com/org/repo/path?ref=…`,
 * `git@host:org/repo.git//path?ref=…`, `ssh://…`, with `git::` before any of them; and addresses of single files.
 * Undefined for what is a path. `use`: fields that only take a file never mean a repository, and `folder` the reverse.
 */
export function parseRemoteAddress(value: string, use: "any" | "file" | "folder" = "any"): RemoteAddress | undefined {
  if (value === "" || value.startsWith("/") || /^\.{1,2}(\/|$)/.test(value)) return undefined;
  const isWeb = /^https?:\/\//i.test(value);
  if (isWeb && (use === "file" || (use === "any" && namesFile(value)))) return fileAt(value);
  if (use === "file") return undefined;
  const [address = "", query = ""] = splitOnce(value.replace(/^git::/i, ""), "?");
  const host = splitHost(address);
  if (host === undefined) return looksRemote(value) ? unreadable(value) : undefined;
  if (/^file:/i.test(host.host)) {
    return refused(
      "names a repository on this machine, which only the one who wrote it has; use its https or ssh address",
    );
  }
  if (host.hasPassword) return refusedCredentials();
  const parts = splitPath(host.rest);
  if (parts === undefined) return looksRemote(value) ? unreadable(value) : undefined;
  const path = parts.path.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (path.includes("..")) return refused("has a path with .. in it; write the folder as it is in that repository");
  const url = `${host.host}${parts.repository}`;
  const ref = refOf(query);
  if (encodeURIComponent(url).length > LONGEST_SEGMENT || encodeURIComponent(ref).length > LONGEST_SEGMENT) {
    return refusedLength();
  }
  return { type: "git", request: { type: "git", url, ref }, path: path.join("/") };
}

/** Kustomize downloads it first and looks then; here the address alone decides. */
function namesFile(value: string): boolean {
  const path = value.replace(/[?#].*$/s, "");
  if (path.slice(path.indexOf("://") + 3).includes("//")) return false;
  return /\.(ya?ml|json)$/i.test(path);
}

function fileAt(url: string): RemoteAddress {
  if (/^https?:\/\/[^/?#]*@/i.test(url)) return refusedCredentials();
  if (encodeURIComponent(url).length > LONGEST_SEGMENT) return refusedLength();
  return { type: "file", request: { type: "file", url } };
}

interface Host {
  /** With scheme and separator, as git wants it before the repository's path. */
  readonly host: string;
  readonly rest: string;
  readonly hasPassword: boolean;
}

function splitHost(address: string): Host | undefined {
  const scheme = /^(ssh|https?|file):\/\//i.exec(address)?.[0] ?? "";
  const afterScheme = address.slice(scheme.length);
  const user = /^([a-z][a-z0-9-]*)@/i.exec(afterScheme)?.[0] ?? "";
  const named = afterScheme.slice(user.length);
  const lowerScheme = scheme.toLowerCase();
  if (lowerScheme === "file://") return { host: lowerScheme, rest: afterScheme, hasPassword: false };
  const isGithub = /^github\.com[/:]/i.test(named);
  const isShort = scheme === "" && (user !== "" || isGithub);
  if (scheme === "" && !isShort) return undefined;
  const slash = named.indexOf("/");
  const colon = isShort ? named.indexOf(":") : -1;
  const end = colon > 0 && (slash < 0 || colon < slash) ? colon : slash;
  if (end < 0) return undefined;
  const host = named.slice(0, end + 1);
  const rest = named.slice(end + 1);
  if (isGithub) {
    // Kustomize drops what else is written: by SSH with a user, else by HTTPS.
    const isSsh = lowerScheme === "ssh://" || user !== "";
    return { host: isSsh ? `${user || "git@"}github.com:` : "https://github.com/", rest, hasPassword: false };
  }
  // The user of an https address is no more than a hint; who is asked comes from the hub's configuration.
  const kept = lowerScheme.startsWith("http") ? "" : user;
  return { host: `${lowerScheme}${kept}${host}`, rest, hasPassword: host.includes("@") };
}

/** Repository and folder in it: by `_git/`, `//` or `.git`, else the first two segments are the repository. */
function splitPath(path: string): { readonly repository: string; readonly path: string } | undefined {
  const split = (at: number, skip: number) => ({ repository: path.slice(0, at), path: path.slice(at + skip) });
  const azure = path.indexOf("_git/");
  if (azure >= 0) {
    const end = path.indexOf("/", azure + "_git/".length);
    return end < 0 ? { repository: path, path: "" } : split(end, 1);
  }
  const double = path.indexOf("//");
  if (double > 0) return split(double, 2);
  const suffix = path.indexOf(".git");
  if (suffix > 0) return split(suffix + ".git".length, 0);
  const segments = path.split("/");
  if (segments.length < 2 || segments[0] === "" || segments[1] === "") return undefined;
  return { repository: segments.slice(0, 2).join("/"), path: segments.slice(2).join("/") };
}

/** `ref` wins over its old name `version`. How long to wait and whether to fetch submodules is the hub's to decide. */
function refOf(query: string): string {
  const values = new URLSearchParams(query);
  return values.get("ref") || values.get("version") || DEFAULT_REF;
}

function looksRemote(value: string): boolean {
  return (
    /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ||
    /^(git::|gh:|(github|gitlab|bitbucket)\.(com|org)[/:])/i.test(value) ||
    /^[\w.-]+@[\w.-]+:/.test(value) ||
    /[?&](ref|version|submodules|timeout)=/.test(value)
  );
}

function unreadable(value: string): RemoteAddress {
  const shown = value.includes("://") ? "" : ", with the scheme before it";
  return refused(`is no address kustomize reads; write https://host/org/repo//path?ref=v1${shown}`);
}

function refusedCredentials(): RemoteAddress {
  return refused(
    "holds credentials, which everybody who reads the repository sees; put them into the hub's configuration",
  );
}

function refusedLength(): RemoteAddress {
  return refused("is too long to be fetched; vendor what it names into the repository");
}

function refused(message: string): RemoteAddress {
  return { type: "refused", message };
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}
