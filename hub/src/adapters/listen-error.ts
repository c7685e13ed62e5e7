/** `in-use`: another process has the port. `not-allowed`: no right to it. `bad-address`: not an address of this machine. */
export type ListenCode = "in-use" | "not-allowed" | "bad-address";

export class ListenError extends Error {
  override readonly name = "ListenError";
  readonly code: ListenCode;

  constructor(what: string, at: { host: string; port: number }, cause: unknown) {
    const text = cause instanceof Error ? cause.message : String(cause);
    const code = text.includes("EADDRINUSE") ? "in-use" : text.includes("EACCES") ? "not-allowed" : "bad-address";
    const why = {
      "in-use": "another process has this port (is another hub running?)",
      "not-allowed": "this user may not use this port",
      "bad-address": "this machine does not have this address",
    }[code];
    super(`cannot listen for ${what} on ${at.host}:${at.port}: ${why}`, { cause });
    this.code = code;
  }
}
