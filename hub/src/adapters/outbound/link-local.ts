import { lookup as systemLookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { HttpError } from "../../credentials/ask-http.ts";

/** Where machines talk to the link they are on, and clouds hand out what their machines may do to whoever asks. */
const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet("169.254.0.0", 16, "ipv4");
LINK_LOCAL.addSubnet("fe80::", 10, "ipv6");
// The same by way of a translator, and clouds that serve it at addresses of their own.
LINK_LOCAL.addSubnet("64:ff9b::a9fe:0", 112, "ipv6");
LINK_LOCAL.addAddress("fd00:ec2::254", "ipv6");
LINK_LOCAL.addAddress("100.100.100.200", "ipv4");
LINK_LOCAL.addAddress("168.63.129.16", "ipv4");

/** Whether an address, not a name, is one of those; IPv6 also in brackets. */
export function isLinkLocal(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, "$1").replace(/%.*$/, "");
  const family = isIP(address);
  return family !== 0 && LINK_LOCAL.check(address, family === 6 ? "ipv6" : "ipv4");
}

/** What is said of one, wherever it was named. */
export function linkLocalMessage(host: string): string {
  return `${host} is a link-local address: the hub does not ask those`;
}

/**
 * Looks names up for a connection, and refuses those that lead to such an address: what a name leads to can change between any
 * check before and the call. `exempt` is the one name whoever runs the hub wrote.
 */
export function guardedLookup(exempt: string | undefined, lookup: typeof systemLookup = systemLookup): LookupFunction {
  return (name, options, callback) => {
    lookup(name, { ...options, all: true }, (error, found) => {
      const [first] = found ?? [];
      if (error !== null || first === undefined) return callback(error, "", 0);
      const refused = name === exempt ? undefined : found.find(({ address }) => isLinkLocal(address));
      if (refused !== undefined) {
        const message = linkLocalMessage(`${name} (${refused.address})`);
        return callback(new HttpError("forbidden", message), "", 0);
      }
      return options.all === true ? callback(null, found) : callback(null, first.address, first.family);
    });
  };
}
