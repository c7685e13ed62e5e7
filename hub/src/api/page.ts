import { CallError } from "./call-error.ts";
import type { Paged, PageRequest } from "./types.ts";

const DEFAULT_SIZE = 500;
const LARGEST_SIZE = 5_000;

/**
 * One page of items that are sorted by their name. A page token names the last item of the page before, so that items
 * that come and go meanwhile neither repeat nor hide others. Throws {@link CallError} `invalid-argument`.
 */
export function pageOf<T>(
  items: readonly T[],
  request: PageRequest,
  nameOf: (item: T) => string,
): { readonly items: readonly T[] } & Paged {
  const size = request.size === 0 ? DEFAULT_SIZE : request.size;
  if (!Number.isSafeInteger(size) || size < 1 || size > LARGEST_SIZE) {
    throw new CallError("invalid-argument", `page.size: ${request.size} is not a number from 1 to ${LARGEST_SIZE}`);
  }
  const after = request.token === "" ? undefined : decodeToken(request.token);
  const rest = after === undefined ? items : items.filter((item) => nameOf(item) > after);
  const page = rest.slice(0, size);
  const last = page.at(-1);
  const nextPageToken = rest.length > size && last !== undefined ? encodeToken(nameOf(last)) : "";
  return { items: page, nextPageToken, total: items.length };
}

function encodeToken(name: string): string {
  return Buffer.from(`after:${name}`, "utf8").toString("base64url");
}

function decodeToken(token: string): string {
  const text = Buffer.from(token, "base64url").toString("utf8");
  if (!text.startsWith("after:")) {
    throw new CallError("invalid-argument", "page.token: is not a token of a page before");
  }
  return text.slice("after:".length);
}
