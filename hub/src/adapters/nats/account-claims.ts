import { decode } from "@nats-io/jwt";
import type { Account } from "@nats-io/jwt";
import { race } from "@axle/runtime/deadline.ts";
import { openConnection, REQUEST_TIMEOUT_MS } from "./connect.ts";
import type { ConnectOptions } from "./connect.ts";
import type { Revocations } from "./nats-identity.ts";
import { StoreError } from "./store-error.ts";

/**
 * Makes sure that the servers hold the account as this hub wants it, with at least the given revocations: those that
 * servers know of already stay. Servers cut revoked users at once and keep the claims on disk. Nothing is pushed when
 * nothing changes. To be called after every connect, for servers may have lost what they were told. Throws {@link StoreError}.
 */
export async function assertRevocations(options: ConnectOptions, wanted: Revocations): Promise<void> {
  const { identity, signal } = options;
  const login = await identity.systemLogin();
  const nc = await openConnection(options, { login, name: "axle-hub-claims" });
  const ask = async (subject: string, payload?: string) => {
    const answer = await race(nc.request(subject, payload, { timeout: REQUEST_TIMEOUT_MS }), signal);
    return answer.string();
  };
  try {
    const known = revocationsIn(await ask(`$SYS.REQ.ACCOUNT.${identity.accountId}.CLAIMS.LOOKUP`));
    const merged = mergeRevocations(known, wanted);
    if (known !== undefined && Object.entries(merged).every(([user, at]) => known[user] === at)) return;
    checkUpdate(await ask("$SYS.REQ.CLAIMS.UPDATE", await identity.accountClaims(merged)));
  } catch (error) {
    if (signal.aborted) throw error;
    throw StoreError.from(error, "updating the account's claims");
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

function revocationsIn(jwt: string): Revocations | undefined {
  if (jwt === "") return undefined;
  return decode<Account>(jwt).nats.revocations ?? {};
}

function checkUpdate(answer: string): void {
  const body = JSON.parse(answer) as { error?: { description?: string }; data?: unknown };
  if (body.error !== undefined) {
    throw new StoreError(
      "rejected",
      `the server did not take the account's claims: ${body.error.description ?? answer}`,
    );
  }
}
