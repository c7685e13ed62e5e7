/** An address in the form entries and requests are compared in. */
export interface RemoteAddress {
  readonly scheme: string;
  /** Where the address names one and it is not http: a password's user is not part of an address. */
  readonly user: string | undefined;
  /** Lower case. */
  readonly host: string;
  /** Always given: the scheme's own where none is written. */
  readonly port: string;
  /** Without empty ones; the last without `.git`. */
  readonly segments: readonly string[];
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  https: "443",
  http: "80",
  ssh: "22",
  git: "9418",
  oci: "443",
};

/** All names of the one registry. */
const DOCKER_HUB = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

/**
 * Reads `https://…`, `http://…`, `ssh://…`, `oci://…`, `git://…` and `user@host:path`; undefined for anything else. Dots that
 * go up are resolved as a server would see them, so that no address looks like one below a prefix it is not below.
 */
export function parseAddress(text: string): RemoteAddress | undefined {
  const url = readUrl(text.includes("://") ? text : fromScp(text));
  if (url === undefined || url.hostname === "") return undefined;
  const scheme = url.protocol.slice(0, -1);
  const defaultPort = DEFAULT_PORTS[scheme];
  if (defaultPort === undefined) return undefined;
  const segments = url.pathname.split("/").filter((segment) => segment !== "");
  const last = segments.pop();
  if (last !== undefined) segments.push(last.length > 4 && last.endsWith(".git") ? last.slice(0, -4) : last);
  const name = url.hostname.toLowerCase().replace(/\.$/, "");
  return {
    scheme,
    user: scheme === "ssh" && url.username !== "" ? url.username : undefined,
    host: scheme === "oci" && DOCKER_HUB.has(name) ? "registry-1.docker.io" : name,
    port: url.port === "" ? defaultPort : url.port,
    segments,
  };
}

/** Whether an address is the prefix or stands below it: same scheme, host and port, and whole segments of its path. */
export function isBelow(address: RemoteAddress, prefix: RemoteAddress): boolean {
  return (
    address.scheme === prefix.scheme &&
    address.host === prefix.host &&
    address.port === prefix.port &&
    (prefix.user === undefined || prefix.user === address.user) &&
    prefix.segments.length <= address.segments.length &&
    prefix.segments.every((segment, index) => segment === address.segments[index])
  );
}

function readUrl(text: string): URL | undefined {
  return /[\0-\x20\\]/.test(text) || !URL.canParse(text) ? undefined : new URL(text);
}

/** `git@host:team/repository` as git reads it. */
function fromScp(text: string): string {
  const parts = /^(?:([A-Za-z0-9_][\w.-]*)@)?([A-Za-z0-9][\w.-]*|\[[0-9a-fA-F:]+\]):(?!\/\/)(.+)$/.exec(text);
  if (parts === null) return "";
  const [, user, host = "", path = ""] = parts;
  return `ssh://${user === undefined ? "" : `${user}@`}${host}/${path.replace(/^\/+/, "")}`;
}
