import { SourceError } from "../../sources/source-error.ts";
import type { Remote } from "./git-environment.ts";
import { parseSourceRemote } from "./source-remote.ts";

/**
 * Where a submodule is, from what `.gitmodules` says: `./` and `../` start at the address of the repository around it, as git
 * reads them. Throws SourceError `unsupported` for addresses that are not fetched; which of the others are asked is for
 * {@link AddressRule} to say.
 */
export function resolveSubmoduleUrl(parent: Remote, written: string): Remote {
  const relative = /^\.{1,2}\//.test(written);
  return parseSourceRemote(relative ? resolveRelative(parent.url, written) : written);
}

function resolveRelative(parent: string, written: string): string {
  let base = parent.replace(/\/+$/, "");
  let rest = written;
  for (;;) {
    if (rest.startsWith("./")) rest = rest.slice(2);
    else if (rest.startsWith("../")) {
      rest = rest.slice(3);
      base = withoutLast(base, written);
    } else break;
  }
  const separator = base.endsWith(":") ? "" : "/";
  return `${base}${separator}${rest}`.replace(/\/+$/, "");
}

/** One name less at the end; in `user@host:path` the host stays, with its colon. */
function withoutLast(base: string, written: string): string {
  const root = /^[a-z][a-z0-9+.-]*:\/\/[^/]*/.exec(base)?.[0];
  const slash = base.lastIndexOf("/");
  if (slash > (root?.length ?? 0) - 1 && slash >= 0 && base !== root) return base.slice(0, slash);
  const colon = base.indexOf(":");
  if (root === undefined && colon >= 0 && colon < base.length - 1) return base.slice(0, colon + 1);
  throw new SourceError("unsupported", `the submodule's address ${JSON.stringify(written)} leaves its server`);
}
