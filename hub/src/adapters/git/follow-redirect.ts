import { type AskHttp, HttpError } from "../../credentials/ask-http.ts";
import type { Remote } from "./git-environment.ts";

const MAX_REDIRECTS = 3;
const MAX_ANSWER_BYTES = 1024 ** 2;
/** What git asks first of a repository; redirects keep it. */
const DISCOVERY = "/info/refs?service=git-upload-pack";

/**
 * Where a server says its repository is instead (a new name, or the same with `.git`); undefined where it says nothing, and for
 * any other server: git would follow to whatever is named, so it follows nowhere and we look ourselves.
 */
export async function followRedirect(
  remote: Remote,
  { ask, caPem }: { readonly ask: AskHttp; readonly caPem: string | undefined },
  signal: AbortSignal,
): Promise<Remote | undefined> {
  let url = `${remote.url.replace(/\/+$/, "")}${DISCOVERY}`;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
    const location = await locationOf(url, { ask, caPem }, signal);
    if (location === undefined) return hops === 0 ? undefined : { ...remote, url: url.slice(0, -DISCOVERY.length) };
    const next = URL.parse(location, url);
    if (next === null || next.origin !== new URL(url).origin || !next.href.endsWith(DISCOVERY)) return undefined;
    url = next.href;
  }
  return undefined;
}

async function locationOf(
  url: string,
  { ask, caPem }: { readonly ask: AskHttp; readonly caPem: string | undefined },
  signal: AbortSignal,
): Promise<string | undefined> {
  const headers = { "user-agent": "axle-hub", "git-protocol": "version=2" };
  try {
    const answer = await ask({ method: "GET", url, headers, caPem, maxBytes: MAX_ANSWER_BYTES }, signal);
    return answer.status >= 300 && answer.status <= 399 ? answer.headers["location"] : undefined;
  } catch (error) {
    // A list of refs that is long, or a server that went away: git says what is wrong.
    if (error instanceof HttpError) return undefined;
    throw error;
  }
}
