import { authorizationOf } from "../../credentials/credential.ts";
import type { Credential } from "../../credentials/credential.ts";
import { SourceError } from "../../sources/source-error.ts";
import { parseChallenges } from "./challenge.ts";
import type { HttpReader } from "./http-reader.ts";
import { statusError } from "./status-error.ts";

export interface LoginContext {
  readonly http: Pick<HttpReader, "get" | "refused">;
  /** Of the registry, for messages. */
  readonly host: string;
  /** Name of the repository in the registry. */
  readonly repository: string;
  readonly maxBytes: number;
}

/**
 * What to show a registry that answered 401, from what its header asks for: a token of its token server, fetched with the
 * hub's credentials or without any, or the credentials themselves. Throws SourceError.
 */
export async function answerChallenge(
  header: string,
  { context, credential }: { readonly context: LoginContext; readonly credential: Credential | undefined },
  signal: AbortSignal,
): Promise<string> {
  const challenges = parseChallenges(header);
  const own = authorizationOf(credential?.login);
  const bearer = challenges.find(({ scheme }) => scheme === "bearer");
  if (bearer !== undefined) return fetchToken(bearer.parameters, { context, credential }, signal);
  if (own !== undefined && challenges.some(({ scheme }) => scheme === "basic")) return own;
  throw statusError(401, context.host, own !== undefined) ?? new TypeError("401 is an error");
}

async function fetchToken(
  parameters: ReadonlyMap<string, string>,
  { context, credential }: { readonly context: LoginContext; readonly credential: Credential | undefined },
  signal: AbortSignal,
): Promise<string> {
  const authorization = authorizationOf(credential?.login);
  const url = URL.parse(parameters.get("realm") ?? "");
  if (url === null) {
    throw new SourceError("unsupported", `${context.host} wants a token and does not say where to get one`);
  }
  const service = parameters.get("service");
  if (service !== undefined) url.searchParams.set("service", service);
  url.searchParams.set("scope", parameters.get("scope") ?? `repository:${context.repository}:pull`);
  const ask = { url: url.href, maxBytes: context.maxBytes, accept: "application/json" };
  // A token server stands where the registry says, often at another host. It is shown the registry's login or none, never
  // what the hub has for that host: its answer goes to the registry.
  const login = authorization === undefined ? { isAnonymous: true } : { authorization };
  const answer = await context.http.get({ ...ask, ...login }, signal);
  if (answer.status === 401) context.http.refused(credential);
  const error = statusError(
    answer.status,
    `${url.host}, which gives tokens for ${context.host},`,
    authorization !== undefined,
  );
  if (error !== undefined) throw error;
  const token = tokenOf(answer.body);
  if (token === undefined) throw new SourceError("unsupported", `${url.host} gives no token for ${context.host}`);
  return `Bearer ${token}`;
}

function tokenOf(body: Buffer): string | undefined {
  try {
    const { token, access_token: accessToken } = JSON.parse(body.toString("utf8")) as Readonly<Record<string, unknown>>;
    const found = typeof token === "string" && token !== "" ? token : accessToken;
    return typeof found === "string" && /^[\x21-\x7e]+$/.test(found) ? found : undefined;
  } catch {
    // Not JSON, or null: no token then.
    return undefined;
  }
}
