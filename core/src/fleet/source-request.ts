/**
 * Something outside the followed commit that the fleet's files name. Whatever it is, the hub makes a Git tree of it in its
 * mirror and lets it stand in the snapshot at {@link mountOf}, beside the repository's own files: what inspects, keys and
 * renders folders then needs to know nothing of where they came from.
 */
export type SourceRequest = RefSource | GitSource | ChartSourceRequest | FileSource;

/** A branch, tag or commit of the fleet's own repository. */
export interface RefSource {
  readonly type: "ref";
  /** As written: `staging`, `v1.2.0`, `refs/tags/v1.2.0`, or a full commit id. */
  readonly ref: string;
}

/** A branch, tag or commit of another Git repository. */
export interface GitSource {
  readonly type: "git";
  /** Without credentials: those are in the hub's configuration. */
  readonly url: string;
  readonly ref: string;
}

/** A packaged chart from a chart repository or an OCI registry. */
export interface ChartSourceRequest {
  readonly type: "chart";
  /** `https://` or `oci://` address, without credentials. */
  readonly repository: string;
  readonly name: string;
  /** Exact version, never a range: a range is an error where it is read. */
  readonly version: string;
}

/** One file from a web server, as Kustomize lets `resources` name it. */
export interface FileSource {
  readonly type: "file";
  /** `https://` or `http://` address, without credentials. Its tree holds the file alone, named by {@link fileNameOf}. */
  readonly url: string;
}

/** Hidden folders are never matched by a layout, and no contract file is read below this one. */
export const SOURCES_FOLDER = ".axle/sources";

/** One line that names the request: the key in `axle.lock`, in what the hub remembers, and in messages. */
export function sourceKey(request: SourceRequest): string {
  switch (request.type) {
    case "ref":
      return `ref ${request.ref}`;
    case "git":
      return `git ${request.url} ${request.ref}`;
    case "chart":
      return `chart ${request.repository} ${request.name} ${request.version}`;
    case "file":
      return `file ${request.url}`;
  }
}

/** Folder of the snapshot the source's files stand in. Two requests never share one. */
export function mountOf(request: SourceRequest): string {
  return [SOURCES_FOLDER, request.type, ...partsOf(request).map(encodeSegment)].join("/");
}

/** The request a path of the snapshot belongs to, and its mount; undefined for what is the repository's own. */
export function requestAt(path: string): { readonly request: SourceRequest; readonly mount: string } | undefined {
  if (!path.startsWith(`${SOURCES_FOLDER}/`)) return undefined;
  const [type = "", ...segments] = path.slice(SOURCES_FOLDER.length + 1).split("/");
  const [first, second, third] = segments.map(decodeSegment);
  const request = requestOf(type, [first, second, third]);
  return request === undefined ? undefined : { request, mount: mountOf(request) };
}

/** As {@link requestAt}, with the path below the mount. */
export function splitMount(path: string): { readonly request: SourceRequest; readonly path: string } | undefined {
  const found = requestAt(path);
  return found === undefined ? undefined : { request: found.request, path: path.slice(found.mount.length + 1) };
}

/** In words: `chart podinfo 6.1.0 from https://…`, `branch staging`. */
export function describeSource(request: SourceRequest): string {
  switch (request.type) {
    case "ref":
      return describeRef(request.ref);
    case "git":
      return `${request.url} at ${request.ref}`;
    case "chart":
      return `chart ${request.name} ${request.version} from ${request.repository}`;
    case "file":
      return request.url;
  }
}

/** A folder of a snapshot in words: for what is mounted, the source, and the path in it, instead of where it is mounted. */
export function describeFolder(path: string): string {
  const mounted = splitMount(path);
  if (mounted === undefined) return path === "" ? "the root of the repository" : path;
  const source = describeSource(mounted.request);
  return mounted.path === "" ? source : `${mounted.path} (${source})`;
}

function describeRef(ref: string): string {
  if (ref.startsWith("refs/heads/")) return `branch ${ref.slice("refs/heads/".length)}`;
  if (ref.startsWith("refs/tags/")) return `tag ${ref.slice("refs/tags/".length)}`;
  return `ref ${ref}`;
}

/** Name of the one file in the tree of a {@link FileSource}. */
export function fileNameOf({ url }: FileSource): string {
  const path = url.replace(/[?#].*$/s, "");
  return path
    .slice(path.lastIndexOf("/") + 1)
    .replaceAll(/[^\w.-]/g, "_")
    .replace(/^\.*$/, "file");
}

function partsOf(request: SourceRequest): readonly string[] {
  switch (request.type) {
    case "ref":
      return [request.ref];
    case "git":
      return [request.url, request.ref];
    case "chart":
      return [request.repository, request.name, request.version];
    case "file":
      return [request.url];
  }
}

function requestOf(type: string, parts: readonly (string | undefined)[]): SourceRequest | undefined {
  const [first, second, third] = parts;
  if (first === undefined) return undefined;
  if (type === "ref") return { type, ref: first };
  if (type === "file") return { type, url: first };
  if (second === undefined) return undefined;
  if (type === "git") return { type, url: first, ref: second };
  if (type === "chart" && third !== undefined) return { type, repository: first, name: second, version: third };
  return undefined;
}

/** Reversible, and safe as one path segment. */
function encodeSegment(text: string): string {
  return encodeURIComponent(text).replaceAll(/^\.+/g, (dots) => dots.replaceAll(".", "%2E"));
}

function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
