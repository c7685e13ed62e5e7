/** An error in one line with what caused it: `connect to nats failed: connection refused`. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : describeError(error.cause);
  if (cause === "" || error.message.includes(cause)) return error.message;
  return `${error.message}: ${cause}`;
}
