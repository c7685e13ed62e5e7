export type TestkitErrorCode =
  | "start-failed"
  | "command-failed"
  | "request-failed"
  | "not-owned"
  | "no-cluster-left"
  | "condition-not-met"
  | "leak";

/** Something a test stands on did not work, as opposed to what it tests. */
export class TestkitError extends Error {
  override readonly name = "TestkitError";
  readonly code: TestkitErrorCode;

  constructor(code: TestkitErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}
