import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import { credentials } from "@grpc/grpc-js";
import type { ChannelCredentials, ChannelOptions } from "@grpc/grpc-js";

/** Only there because a TLS client has to name somebody, and an address is no name (RFC 6066). */
const NAME_FOR_ADDRESSES = "hub";

export interface HubChannel {
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
}

/** TLS to a hub whose certificate is from this CA and for exactly the host of the address, be it a name or an IP address. */
export function hubChannel(address: string, caPem: string): HubChannel {
  const host = address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  const options: ChannelOptions = { "grpc.max_receive_message_length": 64 * 1024 * 1024 };
  if (isIP(host) === 0) return { credentials: credentials.createSsl(Buffer.from(caPem)), options };
  return {
    credentials: credentials.createSsl(Buffer.from(caPem), null, null, {
      checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
    }),
    options: { ...options, "grpc.ssl_target_name_override": NAME_FOR_ADDRESSES },
  };
}
