import { isTimeout } from "@axle/runtime/stop-error.ts";
import { CredentialError } from "../../credentials/credential-error.ts";
import { SourceError, type SourceErrorCode } from "../../sources/source-error.ts";
import { RepositoryError, withoutCredentials, type RepositoryErrorCode } from "./repository-error.ts";

/** Why git could not read from a server. */
export type GitFailureKind =
  | "unreachable"
  | "unauthorized"
  | "not-found"
  | "ref-missing"
  /** The server gives commits only by branch or tag. */
  | "not-advertised"
  | "redirected"
  | "too-large"
  | "corrupt"
  | "other";

export interface GitFailure {
  readonly kind: GitFailureKind;
  /** What was found and what to do; without credentials. */
  readonly message: string;
}

export interface FailureContext {
  readonly url: string;
  /** Address of the entry whose credentials were sent; undefined when none were. */
  readonly from: string | undefined;
}

interface Cause {
  readonly pattern: RegExp;
  readonly kind: GitFailureKind;
  say(context: FailureContext, words: string): string;
}

/** Which words of git, curl and ssh mean what; the first match wins. All of them run with LC_ALL=C, so these are their own texts. */
const CAUSES: readonly Cause[] = [
  {
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED|host key for \S+ has changed/i,
    kind: "unauthorized",
    say: (_context, words) =>
      `the server's host key is not the one in knownHosts: found ${fingerprintIn(words)}. Somebody may be in between; if the ` +
      "server really has a new key (compare the fingerprint with its operator's), put it into knownHosts",
  },
  {
    pattern: /no \S+ host key is known for|host key verification failed/i,
    kind: "unauthorized",
    say: (_context, words) =>
      `the server's host key is not known: found ${fingerprintIn(words)}. Compare the fingerprint with its operator's, then ` +
      "add the server's line to knownHosts; the hub trusts no key at first sight",
  },
  {
    pattern: /permission denied \(|too many authentication failures|no more authentication methods/i,
    kind: "unauthorized",
    say: ({ from }) =>
      from === undefined
        ? "the server refuses us (ssh), and the credentials file has no ssh entry for this address; add one with a deploy key"
        : `the server does not take the deploy key of the entry ${from}; is its public half registered there, and may it read?`,
  },
  {
    pattern: /bad permissions|error in libcrypto|invalid format|load key/i,
    kind: "unauthorized",
    say: ({ from }) =>
      `ssh cannot use the deploy key of the entry ${from ?? "for this address"}; make a new one with ssh-keygen`,
  },
  {
    pattern: /returned error: 401|authentication failed|could not read (username|password)|terminal prompts disabled/i,
    kind: "unauthorized",
    say: ({ from }) =>
      from === undefined
        ? "the server asks who we are, and the credentials file has no entry for this address; add one (token, basic or githubApp)"
        : `the server does not take the credentials of the entry ${from}; they may have expired or been revoked`,
  },
  {
    pattern: /returned error: 403|access denied|forbidden/i,
    kind: "unauthorized",
    say: ({ from }) =>
      from === undefined
        ? "the server does not let everybody read this, and the credentials file has no entry for this address; add one"
        : `the credentials of the entry ${from} may not read this repository; give them read access to its contents`,
  },
  {
    pattern: /returned error: 30[12378]|unable to update url base from redirection/i,
    kind: "redirected",
    say: ({ from }) => {
      const why =
        from === undefined ? "the hub follows no redirect to another server" : "credentials follow no redirect";
      return `the server says the repository is elsewhere, and ${why}; use its new address (often the same with .git at the end)`;
    },
  },
  {
    pattern: /certificate|self-signed|SSL: no alternative/i,
    kind: "unreachable",
    say: (_context, words) =>
      `the server's certificate is not trusted or not its own (${telling(words)}); for a private authority put its ` +
      "certificate into the credentials file (ca or caFile)",
  },
  {
    pattern: /cannot run ssh|\bssh: (command )?not found|no such command/i,
    kind: "unreachable",
    say: () => "there is no ssh program on the hub's machine; install openssh-client",
  },
  {
    pattern: /could not resolve|name or service not known|temporary failure in name resolution/i,
    kind: "unreachable",
    say: () => "the server's name is not known; check the address, and the DNS of the hub's network",
  },
  {
    pattern: /couldn't find remote ref|remote branch .* not found/i,
    kind: "ref-missing",
    say: () => "there is no such branch, tag or commit",
  },
  {
    pattern: /not our ref|unadvertised object|no such remote ref|upload-pack: not our/i,
    kind: "not-advertised",
    say: () => "the server does not give this commit by its id",
  },
  {
    pattern: /died of signal (25|SIGXFSZ)|file too large|file size limit exceeded/i,
    kind: "too-large",
    say: () => "the repository is larger than the hub fetches; name a smaller one, or copy what is needed",
  },
  {
    pattern:
      /repository (.* )?not found|project you were looking for could not be found|returned error: (404|410)|does not appear to be a git repository|no such device or address|repository (.* )?does not exist|not exported/i,
    kind: "not-found",
    say: ({ from }) =>
      from === undefined
        ? "no such repository: check the repository address; if it is private, add an entry for it to the credentials file"
        : `no such repository: check the repository address, and that the credentials of the entry ${from} may see it`,
  },
  {
    pattern:
      /not a git repository|object file .* is empty|bad object|corrupt|unable to read (tree|sha1)|missing (blob|tree|commit)|unresolved deltas|bad config/i,
    kind: "corrupt",
    say: () => "the hub's mirror is damaged; it is made anew",
  },
  {
    pattern: /timed out|timeout|operation too slow|transfer closed/i,
    kind: "unreachable",
    say: () => "the server does not answer in time",
  },
  {
    pattern:
      /failed to connect|couldn't connect|connection|unable to access|unreachable|hung up|early eof|gnutls|\b(SSL|TLS)\b|returned error: (5\d\d|429)/i,
    kind: "unreachable",
    say: (_context, words) => `the server cannot be reached (${telling(words)})`,
  },
];

/** What git's words, and ssh's after them, mean for who reads this. */
export function explainFailure(words: string, context: FailureContext): GitFailure {
  const plain = words
    .split("\n")
    .filter((line) => !/^debug\d?: /.test(line))
    .join("\n");
  const cause = CAUSES.find(({ pattern }) => pattern.test(plain));
  const said = cause === undefined ? telling(plain) : cause.say(context, words);
  return { kind: cause?.kind ?? "other", message: withoutCredentials(`cannot fetch ${context.url}: ${said}`) };
}

const SOURCE_CODES: Readonly<Record<GitFailureKind, SourceErrorCode>> = {
  unreachable: "unreachable",
  unauthorized: "unauthorized",
  "not-found": "not-found",
  "ref-missing": "not-found",
  "not-advertised": "not-found",
  redirected: "not-found",
  "too-large": "too-large",
  corrupt: "unreachable",
  other: "unreachable",
};

export function sourceErrorOf({ kind, message }: GitFailure, cause: unknown): SourceError {
  return new SourceError(SOURCE_CODES[kind], message, { cause });
}

/** What kept us from calling a server at all: credentials that cannot be used, or a time that is up. Rethrows anything else. */
export function reachError(cause: unknown, doing: string): SourceError {
  const reason: unknown = cause instanceof Error && cause.name === "AbortError" ? cause.cause : cause;
  if (isTimeout(reason))
    return new SourceError("unreachable", `${doing}: the server does not answer in time`, { cause });
  if (!(cause instanceof CredentialError)) throw cause;
  const code = cause.code === "unreachable" ? "unreachable" : "unauthorized";
  return new SourceError(code, `${doing}: ${cause.message}`, { cause });
}

const REPOSITORY_CODES: Readonly<Record<GitFailureKind, RepositoryErrorCode>> = {
  unreachable: "unreachable",
  unauthorized: "auth",
  "not-found": "not-found",
  "ref-missing": "branch-missing",
  "not-advertised": "not-found",
  redirected: "not-found",
  "too-large": "too-large",
  corrupt: "corrupt",
  other: "git",
};

/** The same of the followed repository. */
export function repositoryErrorOf({ kind, message }: GitFailure, cause: unknown): RepositoryError {
  return new RepositoryError(REPOSITORY_CODES[kind], message, { cause });
}

/** ssh shows the key it found in the words of a changed one, and in its debug lines. */
function fingerprintIn(words: string): string {
  const found =
    /Server host key: (\S+) (SHA256:\S+)/.exec(words) ??
    /fingerprint for the (\S+) key[^\n]*\n(SHA256:[\w+/=]+)/.exec(words);
  return found === null ? "another one" : `${found[1] ?? ""} ${(found[2] ?? "").replace(/\.$/, "")}`;
}

/** The lines that say why, without hints and chatter, in one line. */
function telling(words: string): string {
  const lines = words
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^(hint|debug\d?):/.test(line));
  const marked = lines.filter((line) => /^(fatal|error|remote|ssh|curl):/.test(line));
  const chosen = (marked.length > 0 ? marked : lines).slice(0, 3).join(" / ");
  return withoutCredentials(chosen.replaceAll(/\b(fatal|error): /g, "")).slice(0, 400);
}
