import { equalSecrets } from "@axle/runtime/crypto/digests.ts";
import { CallError } from "../api/call-error.ts";

/** Checks an `authorization` header against the admin token, in a time that says nothing of it. Throws {@link CallError}. */
export function checkBearerToken(header: string | undefined, adminToken: string): void {
  if (header === undefined || header === "") {
    throw new CallError(
      "unauthenticated",
      "no credentials: send `authorization: Bearer <token>` with the admin token the hub wrote at its first start (keys/admin.token)",
    );
  }
  const [, token] = /^Bearer +(\S+)$/i.exec(header) ?? [];
  if (token === undefined) throw new CallError("unauthenticated", "expected `authorization: Bearer <token>`");
  if (!equalSecrets(token, adminToken)) {
    throw new CallError("permission-denied", "this token is not the hub's admin token; was the hub set up anew?");
  }
}
