import type { AgentMessage, HubMessage } from "@axle/core/session/messages.ts";
import { credentials } from "@grpc/grpc-js";
import { HubError } from "../../hub-error.ts";
import type { RegisteredIdentity } from "../../join/identity.ts";
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

const CHANNEL_OPTIONS = {
  "grpc.keepalive_time_ms": 15_000,
  "grpc.keepalive_timeout_ms": 10_000,
  // A connection of its own each time: a shared one would still be in the backoff of the failure before.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_retries": 0,
} as const;

/** Opens a stream over mTLS with the identity's certificate. Returns at once; what goes wrong is told by `closed`. */
export function openSessionStream(identity: RegisteredIdentity, events: SessionStreamEvents): SessionStream {
  const { sessionAddress, caPem, certificatePem } = identity.registered;
  const tls = credentials.createSsl(Buffer.from(caPem), Buffer.from(identity.keyPem), Buffer.from(certificatePem));
  const client = new SessionServiceClient(sessionAddress, tls, CHANNEL_OPTIONS);
  const stream = client.connect();
  let isOver = false;
  const end = (tell: () => void) => {
    if (isOver) return;
    isOver = true;
    tell();
    client.close();
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
