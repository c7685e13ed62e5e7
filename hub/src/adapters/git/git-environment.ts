import type { Login } from "../../credentials/credential.ts";
import { RepositoryError } from "./repository-error.ts";

/** What of the hub's own environment git may see: how to find programs, proxies and certificate authorities. */
const PASSED = [
  "PATH",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "ALL_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "all_proxy",
  "no_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "GIT_SSL_CAINFO",
  "SSH_AUTH_SOCK",
  "SSH_KNOWN_HOSTS",
] as const;

/** Variables with the prefix GIT_ that we set ourselves; simple-git refuses the ones not named to it. */
export const OWN_GIT_VARIABLES = [
  "GIT_TERMINAL_PROMPT",
  "GIT_CONFIG_NOSYSTEM",
  "GIT_CONFIG_GLOBAL",
  "GIT_ALLOW_PROTOCOL",
  "GIT_SSH_COMMAND",
  "GIT_SSL_CAINFO",
] as const;

/**
 * A clean environment for git: no configuration of the machine or its users, no prompts, no protocol but the one of
 * the repository's address (a redirect to `file:` or `ext:` must not work).
 */
export function gitEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  scheme: RemoteScheme,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of PASSED) {
    const value = own[name];
    if (value !== undefined && value !== "") environment[name] = value;
  }
  return {
    ...environment,
    HOME: "/nonexistent",
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ALLOW_PROTOCOL: scheme === "http" ? "http:https" : scheme,
    GIT_SSH_COMMAND: "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=15",
  };
}

export type RemoteScheme = "https" | "http" | "ssh" | "git" | "file";

export interface Remote {
  /** Without user name and password where it is http or https. */
  readonly url: string;
  readonly scheme: RemoteScheme;
  /** From the address itself. */
  readonly login: Extract<Login, { type: "basic" }> | undefined;
}

/**
 * Reads the address of a repository: https, http, ssh, git and file addresses, `user@host:path`, or an absolute path.
 * Throws RepositoryError `not-found` for anything else (`ext::`, options, relative paths).
 */
export function parseRemote(address: string): Remote {
  if (/[\n\r\0]/.test(address)) throw badAddress("an address on one line");
  if (address.startsWith("/")) return { url: `file://${address}`, scheme: "file", login: undefined };
  const scheme = /^(https?|ssh|git|file):\/\/[^-]/.exec(address)?.[1] as RemoteScheme | undefined;
  if (scheme === "https" || scheme === "http") {
    const url = new URL(address);
    const user = decodeURIComponent(url.username);
    const password = decodeURIComponent(url.password);
    url.username = "";
    url.password = "";
    const login = user === "" && password === "" ? undefined : ({ type: "basic", username: user, password } as const);
    return { url: url.href, scheme, login };
  }
  if (scheme !== undefined) return { url: address, scheme, login: undefined };
  if (/^[A-Za-z0-9_][\w.-]*@[A-Za-z0-9][\w.-]*:[^:-]/.test(address)) {
    return { url: address, scheme: "ssh", login: undefined };
  }
  throw badAddress("https://…, ssh://…, user@host:path, file://… or an absolute path");
}

function badAddress(expected: string): RepositoryError {
  return new RepositoryError("not-found", `the repository address cannot be used: expected ${expected}`);
}
