import type { AgentMessage, HubMessage } from "@axle/core/session/messages.ts";
import { HubError } from "../../hub-error.ts";
import type { RegisteredIdentity } from "../../join/identity.ts";
import { hubChannel } from "./hub-channel.ts";
import { type ConnectResponse, fromConnectResponse, SessionServiceClient, toConnectRequest } from "./wire.ts";

/** One stream to the hub. */
export interface SessionStream {
  send(message: AgentMessage): void;
  /** Lets what was written go out and ends in order. No event follows. */
  finish(): void;
  /** Ends at once, for a hub that does not answer. No event follows. */
  close(): void;
}

export interface SessionStreamEvents {
  message(message: HubMessage): void;
  /** The stream is over, once. */
  closed(error: Error): void;
}

const KEEPALIVE = { "grpc.keepalive_time_ms": 15_000, "grpc.keepalive_timeout_ms": 10_000 } as const;

/** Opens a stream over mTLS with the identity's certificate. Returns at once; what goes wrong is told by `closed`. */
export function openSessionStream(identity: RegisteredIdentity, events: SessionStreamEvents): SessionStream {
  const { sessionAddress, caPem, certificatePem } = identity.registered;
  const client = { keyPem: identity.keyPem, certificatePem };
  const { address, tls, options } = hubChannel({ address: sessionAddress, caPem }, client);
  const service = new SessionServiceClient(address, tls, { ...options, ...KEEPALIVE });
  const stream = service.connect();
  let isOver = false;
  const end = (tell: () => void) => {
    if (isOver) return;
    isOver = true;
    tell();
    service.close();
  };
  stream.on("data", (response: ConnectResponse) => {
    const message = fromConnectResponse(response);
    if (!isOver && message !== undefined) events.message(message);
  });
  stream.on("error", (error) => end(() => events.closed(error)));
  stream.on("end", () => end(() => events.closed(new HubError("away", "the hub ended the session"))));
  return {
    send: (message) => {
      if (!isOver) stream.write(toConnectRequest(message));
    },
    finish: () => end(() => stream.end()),
    close: () => end(() => stream.cancel()),
  };
}
