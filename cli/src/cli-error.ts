/** Why a command did not do what it was asked for. */
export type CliErrorCode =
  | "usage"
  | "bad-input"
  | "hub-unreachable"
  | "denied"
  | "not-found"
  | "conflict"
  | "tool"
  | "interrupted"
  | "internal";

/**
 * What a process that runs `axle` sees, as `kubectl diff` does it: 0 fine, 1 an answer that is no error but not good (a
 * difference, something unhealthy, problems found), 2 and above an error.
 */
export const EXIT_CODES = {
  fine: 0,
  unhealthy: 1,
  usage: 2,
  "bad-input": 2,
  internal: 2,
  tool: 2,
  "hub-unreachable": 3,
  denied: 4,
  "not-found": 5,
  conflict: 6,
  interrupted: 130,
} as const satisfies Record<"fine" | "unhealthy" | CliErrorCode, number>;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

/** An error a person reads: `message` says what and where and what was expected, `remedy` what to do. */
export class CliError extends Error {
  readonly code: CliErrorCode;
  readonly remedy: string | undefined;

  constructor(code: CliErrorCode, message: string, details: { remedy?: string; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.name = "CliError";
    this.code = code;
    this.remedy = details.remedy;
  }
}
