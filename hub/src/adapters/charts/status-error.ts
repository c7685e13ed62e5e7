import { SourceError } from "../../sources/source-error.ts";

/** What an answer that is no success means; undefined for one that is. `where` is an address without secrets. */
export function statusError(status: number, where: string, hasLogin: boolean): SourceError | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status === 401 || status === 403) {
    const what = hasLogin
      ? "refuses the hub's credentials; check the entry for this address"
      : "wants credentials, and the hub's configuration has none for this address";
    return new SourceError("unauthorized", `${where} answers ${status}: it ${what}`);
  }
  if (status === 404 || status === 410) {
    return new SourceError("not-found", `${where} answers ${status}: there is no such thing`);
  }
  if (status === 429 || status >= 500) return new SourceError("unreachable", `${where} answers ${status}`);
  return new SourceError("unsupported", `${where} answers ${status}, which means nothing here`);
}
