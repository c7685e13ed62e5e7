import { HttpClient } from "../adapters/outbound/http-client.ts";
import { NO_CREDENTIALS } from "../credentials/credential.ts";
import type { CredentialSource } from "../credentials/credential.ts";
import { Credentials } from "../credentials/credentials.ts";

/**
 * The credentials of a file, with what fetches tokens; none where no file is named. Throws CredentialError for a file that
 * cannot be used. Also used by commands on a checkout.
 */
export async function openCredentials(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly source: CredentialSource } & AsyncDisposable> {
  if (file === undefined || file === "")
    return { source: NO_CREDENTIALS, [Symbol.asyncDispose]: async () => undefined };
  const http = new HttpClient({ environment: env });
  const source = new Credentials({ file, ask: http.ask, now: Date.now });
  try {
    await source.check();
  } catch (error) {
    await http[Symbol.asyncDispose]();
    throw error;
  }
  return { source, [Symbol.asyncDispose]: () => http[Symbol.asyncDispose]() };
}
