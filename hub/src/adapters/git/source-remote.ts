import { SourceError } from "../../sources/source-error.ts";
import { parseRemote, type Remote } from "./git-environment.ts";
import { RepositoryError } from "./repository-error.ts";

/**
 * The address of another repository as the fleet's files name it. Whoever writes there must not reach the hub's own disk or
 * name programs, and credentials do not belong there. Throws SourceError `unsupported`.
 */
export function parseSourceRemote(address: string): Remote {
  let remote: Remote;
  try {
    remote = parseRemote(address);
  } catch (cause) {
    if (!(cause instanceof RepositoryError)) throw cause;
    throw new SourceError("unsupported", `${shown(address)} is no address of a Git repository; expected ${EXPECTED}`, {
      cause,
    });
  }
  if (remote.login !== undefined || /^ssh:\/\/[^/@]*:[^/@]*@/.test(address)) {
    const remedy = "everybody who reads the repository sees it; put it into the hub's credentials file";
    throw new SourceError("unsupported", `the address ${shown(remote.url)} holds a user name or password: ${remedy}`);
  }
  if (remote.scheme === "https" || remote.scheme === "http" || remote.scheme === "ssh") return remote;
  throw new SourceError(
    "unsupported",
    `${shown(address)}: sources are not read over ${remote.scheme}; expected ${EXPECTED}`,
  );
}

const EXPECTED = "https://…, ssh://… or user@host:path";

function shown(address: string): string {
  return JSON.stringify(address.replaceAll(/\/\/[^/\s]+@/g, "//").slice(0, 200));
}
