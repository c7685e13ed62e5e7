/** An error in one line with what caused it: `connect to nats failed: connection refused`. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return textOf(error);
  const cause = error.cause === undefined ? "" : describeError(error.cause);
  if (cause === "" || error.message.includes(cause)) return error.message;
  return `${error.message}: ${cause}`;
}

/** Anything can be thrown, things without a text among them. */
function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return `something of type ${typeof thrown}`;
  }
}
