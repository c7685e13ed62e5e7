import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import type { HubEndpoint } from "../../join/ports.ts";

/** How to connect to a hub: only what the given CA signed for that very address is believed. */
export interface HubChannel {
  readonly address: string;
  readonly tls: ChannelCredentials;
  readonly options: Readonly<Record<string, string | number>>;
}

/** TLS knows no server name that is an IP address; the certificate is checked against the address all the same. */
const NAME_FOR_ADDRESSES = "axle-hub";

/** `client`: key and certificate of the agent, PEM, once it has them. */
export function hubChannel(
  endpoint: HubEndpoint,
  client?: { readonly keyPem: string; readonly certificatePem: string },
): HubChannel {
  const { address, caPem } = endpoint;
  const host = hostOf(address);
  const key = client === undefined ? null : Buffer.from(client.keyPem);
  const certificate = client === undefined ? null : Buffer.from(client.certificatePem);
  const tls = credentials.createSsl(Buffer.from(caPem), key, certificate, {
    checkServerIdentity: (_, presented) => checkServerIdentity(host, presented),
  });
  return {
    address,
    tls,
    options: {
      // A connection of its own each time: a shared one would still be in the backoff of the failure before.
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_retries": 0,
      ...(isIP(host) === 0 ? {} : { "grpc.ssl_target_name_override": NAME_FOR_ADDRESSES }),
    },
  };
}

/** `::1` of `[::1]:7443`, `hub.example.com` of `hub.example.com:7443`. */
function hostOf(address: string): string {
  return address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}
