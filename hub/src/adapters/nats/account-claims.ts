import { canonicalJson } from "@axle/core/manifest/canonical-json.ts";
import { race } from "@axle/runtime/deadline.ts";
import { readClaims } from "./claims-token.ts";
import { openConnection } from "./connect.ts";
import type { ConnectOptions } from "./connect.ts";
import { REQUEST_TIMEOUT_MS } from "./hub-connection.ts";
import { CLAIMS_UPDATE, claimsLookupOf } from "./nats-identity.ts";
import type { AccountSettings, Revocations } from "./nats-identity.ts";
import { StoreError } from "./store-error.ts";

/**
 * Makes sure that the servers hold the fleet's accounts as this hub wants them, with at least the given revocations: those
 * that servers know of already stay. Servers cut revoked users at once and keep the claims on disk. Nothing is pushed
 * when nothing changes. To be called after every connect, for servers may have lost what they were told. Throws
 * {@link StoreError}.
 */
export async function assertClaims(options: ConnectOptions, revocations: Revocations): Promise<void> {
  const { identity, signal } = options;
  const login = identity.systemLogin();
  const nc = await openConnection(options, { login, name: "axle-hub-claims" });
  const ask = async (subject: string, payload?: string) => {
    const answer = await race(nc.request(subject, payload, { timeout: REQUEST_TIMEOUT_MS }), signal);
    return answer.string();
  };
  try {
    for (const { id } of identity.accounts({})) {
      const known = await ask(claimsLookupOf(id)).then(claimsIn);
      const merged = mergeRevocations(known?.revocations, revocations);
      const wanted = identity.accounts(merged).find((account) => account.id === id);
      if (wanted === undefined || isSame(known, wanted.nats)) continue;
      checkUpdate(await ask(CLAIMS_UPDATE, identity.signAccount(wanted)));
    }
  } catch (error) {
    if (signal.aborted) throw error;
    throw StoreError.from(error, "updating the accounts' claims");
  } finally {
    await nc.close();
  }
}

/** The later time of both for each user. */
export function mergeRevocations(a: Revocations | undefined, b: Revocations): Revocations {
  const merged: Record<string, number> = { ...a };
  for (const [user, at] of Object.entries(b)) merged[user] = Math.max(merged[user] ?? 0, at);
  return merged;
}

function claimsIn(token: string): AccountSettings | undefined {
  return readClaims(token)?.nats as AccountSettings | undefined;
}

/** In what we set; servers and the jwt package add a type and a version. */
function isSame(known: AccountSettings | undefined, wanted: AccountSettings): boolean {
  if (known === undefined) return false;
  const { limits, imports, exports, revocations = {} } = known;
  const { revocations: wantedRevocations = {}, ...rest } = wanted;
  const relevant = { ...rest, revocations: wantedRevocations };
  return canonicalJson({ limits, imports, exports, revocations }) === canonicalJson(relevant);
}

function checkUpdate(answer: string): void {
  const body = JSON.parse(answer) as { error?: { description?: string }; data?: unknown };
  if (body.error !== undefined) {
    throw new StoreError("rejected", `the server did not take the claims: ${body.error.description ?? answer}`);
  }
}
