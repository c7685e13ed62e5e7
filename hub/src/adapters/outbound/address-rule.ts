import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { CredentialSource } from "../../credentials/credential.ts";
import { parseAddress, type RemoteAddress } from "../../credentials/remote-address.ts";
import { SourceError } from "../../sources/source-error.ts";
import { isLinkLocal, linkLocalMessage } from "./link-local.ts";

export interface AddressRuleOptions {
  readonly credentials: CredentialSource;
  /** What whoever runs the hub wrote as its repository: its server is their choice. */
  readonly ownUrl?: string;
  /** Addresses of a name; the system's by default. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
}

/**
 * The one rule for addresses that the repository, or a server it names, makes the hub ask: charts, files, Git, Git LFS. TLS or
 * SSH, unless an entry of the credentials is for the very `http://` address (those say so on purpose); and no link-local
 * address, where clouds hand out their machines' credentials.
 */
export class AddressRule {
  readonly #options: AddressRuleOptions;

  constructor(options: AddressRuleOptions) {
    this.#options = options;
  }

  /** Throws SourceError for an address that may not be asked, as far as it can be told without looking up its name. */
  async check(url: string, signal: AbortSignal): Promise<void> {
    await this.#check(this.#parse(url), url, signal);
  }

  /**
   * {@link check}, and what the name leads to: for programs that connect by themselves. Gives the addresses it leads to now;
   * none where the name is not known here, as behind a proxy.
   */
  async resolve(url: string, signal: AbortSignal): Promise<readonly string[]> {
    const place = this.#parse(url);
    await this.#check(place, url, signal);
    const host = place.host.replace(/^\[(.*)\]$/, "$1");
    if (isIP(host) !== 0) return [];
    const { resolve = systemResolve } = this.#options;
    const found = await resolve(host).catch(() => []);
    const refused = this.#isOwn(place) ? undefined : found.find(isLinkLocal);
    if (refused !== undefined) throw refusal(linkLocalMessage(`${host} (${refused})`));
    return found;
  }

  async #check(place: RemoteAddress, url: string, signal: AbortSignal): Promise<void> {
    if (this.#isOwn(place)) return;
    if (place.scheme === "http" && !(await this.#allowsPlain(url, signal))) throw withoutTls(place);
    if (isLinkLocal(place.host)) throw refusal(linkLocalMessage(shown(place)));
  }

  #parse(url: string): RemoteAddress {
    const place = parseAddress(url);
    if (place === undefined) throw refusal(`"${url}" is no address`);
    // Git decodes the whole address, and would find another host in it than we do.
    if (/^ssh:\/\/[^/]*%/.test(url)) throw refusal(`the host of "${url}" is not written as it is`);
    return place;
  }

  #isOwn({ scheme, host, port }: RemoteAddress): boolean {
    const own = parseAddress(this.#options.ownUrl ?? "");
    return own !== undefined && own.scheme === scheme && own.host === host && own.port === port;
  }

  async #allowsPlain(url: string, signal: AbortSignal): Promise<boolean> {
    try {
      return (await this.#options.credentials.credentialFor(url, signal)) !== undefined;
    } catch (error) {
      signal.throwIfAborted();
      const message = error instanceof Error ? error.message : String(error);
      throw new SourceError("unauthorized", `the hub's credentials cannot be used: ${message}`, { cause: error });
    }
  }
}

function withoutTls(place: RemoteAddress): SourceError {
  const host = shown(place);
  return refusal(
    `${host} would be asked without TLS; use https, or allow it with an entry for http://${host} in the hub's credentials`,
  );
}

function shown({ scheme, host, port }: RemoteAddress): string {
  const isUsual = port === { http: "80", https: "443", ssh: "22" }[scheme];
  return isUsual ? host : `${host}:${port}`;
}

function refusal(message: string): SourceError {
  return new SourceError("unsupported", message);
}

async function systemResolve(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}
