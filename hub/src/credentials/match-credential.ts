import { isBelow, parseAddress, type RemoteAddress } from "./remote-address.ts";

/** What has an address to be matched by. */
export interface Addressed {
  readonly address: RemoteAddress;
}

/**
 * The entry with the longest address that `url` stands below; of equally long ones the one that names a user, then the first.
 * Undefined for an address nobody wrote an entry for, and for text that is no address: then nothing is sent.
 */
export function matchCredential<Entry extends Addressed>(entries: readonly Entry[], url: string): Entry | undefined {
  const address = parseAddress(url);
  if (address === undefined) return undefined;
  let best: Entry | undefined;
  for (const entry of entries) {
    if (!isBelow(address, entry.address)) continue;
    if (best === undefined || rank(entry) > rank(best)) best = entry;
  }
  return best;
}

function rank({ address }: Addressed): number {
  return address.segments.length * 2 + (address.user === undefined ? 0 : 1);
}
