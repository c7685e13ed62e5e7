/**
 * What can go wrong with the repository itself. `escapes`, `too-large`, `encoding` and `dangling` are properties of one commit and
 * stay until the next; `corrupt` heals itself: the mirror is made anew by the next fetch.
 */
export type RepositoryErrorCode =
  | "unreachable"
  | "auth"
  | "not-found"
  | "branch-missing"
  | "escapes"
  | "too-large"
  | "encoding"
  | "dangling"
  | "corrupt"
  | "git";

/** The one error of this adapter. The message says what was found and what to do; it never holds credentials. */
export class RepositoryError extends Error {
  override readonly name = "RepositoryError";
  readonly code: RepositoryErrorCode;
  /** The file in the repository it is about, where there is one. */
  readonly file: string | undefined;

  constructor(
    code: RepositoryErrorCode,
    message: string,
    options?: { readonly file?: string; readonly cause?: unknown },
  ) {
    super(withoutCredentials(message), options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.file = options?.file;
  }
}

/** Which words of git mean what, first match wins; git runs with LC_ALL=C, so these are its own texts. */
const CAUSES: readonly (readonly [RegExp, RepositoryErrorCode])[] = [
  [/couldn't find remote ref/i, "branch-missing"],
  [
    /repository .* not found|returned error: (404|410)|does not appear to be a git repository|no such device or address/i,
    "not-found",
  ],
  [/repository .* does not exist|not exported/i, "not-found"],
  [
    /authentication failed|could not read (username|password)|terminal prompts disabled|permission denied|returned error: 40[13]|access denied|host key verification failed/i,
    "auth",
  ],
  [
    /not a git repository|object file .* is empty|bad object|corrupt|unable to read (tree|sha1)|missing (blob|tree|commit)|unresolved deltas|bad config/i,
    "corrupt",
  ],
  [
    /could not resolve|failed to connect|couldn't connect|connection|timed out|timeout|unable to access|unreachable|hung up|early eof|returned error: (5\d\d|429)|operation too slow|block timeout/i,
    "unreachable",
  ],
];

const REMEDIES: Readonly<Record<RepositoryErrorCode, string>> = {
  unreachable: "check the address and the network between the hub and the Git server; the hub keeps trying",
  auth: "check the credentials the hub was given for this repository (token, deploy key, known_hosts)",
  "not-found": "check the repository address, and that the hub's credentials may read it",
  "branch-missing": "push the branch, or name another one with --branch",
  escapes: "remove the link or path from the repository",
  "too-large": "make the repository smaller, or raise the hub's limit",
  encoding: "save the file as UTF-8",
  dangling: "mend the link, or remove it",
  corrupt: "nothing to do: the hub makes its mirror anew",
  git: "see git's own message",
};

/** Any failure of a git process as a RepositoryError; an abort and a RepositoryError pass as they are. */
export function repositoryErrorFrom(cause: unknown, doing: string): Error {
  if (cause instanceof RepositoryError) return cause;
  if (cause instanceof Error && cause.name === "AbortError") return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const code = CAUSES.find(([pattern]) => pattern.test(text))?.[1] ?? "git";
  return new RepositoryError(code, `${doing}: ${lastWords(text)}; ${REMEDIES[code]}`, { cause });
}

/** The lines of git that say why, without hints and remote chatter, in one line. */
function lastWords(text: string): string {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("hint:"));
  const telling = lines.filter((line) => /^(fatal|error|remote):/.test(line));
  const chosen = (telling.length > 0 ? telling : lines).slice(0, 3).join(" / ");
  return chosen.replaceAll(/\b(fatal|error): /g, "").slice(0, 500);
}

/** User names and passwords in addresses never reach a message. */
export function withoutCredentials(text: string): string {
  return text.replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/)[^/\s]+@/gi, "$1");
}
