import type { handleBidiStreamingCall, ServerDuplexStream } from "@grpc/grpc-js";
import type { CloseCode } from "@axle/core/session/hub-session.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { CallError } from "../../api/call-error.ts";
import { readAgentCertificate } from "../../identity/agent-certificate.ts";
import type { ReadCertificate } from "../../identity/agent-certificate.ts";
import { IdentityError } from "../../identity/identity-error.ts";
import type { RenewalDesk } from "../../join/renewal-desk.ts";
import type { AgentLink } from "../../sessions/ports.ts";
import type { Sessions } from "../../sessions/sessions.ts";
import { statusOfClose, statusOfError } from "./call-status.ts";
import { fromConnectRequest, toConnectResponse } from "./wire.ts";
import type { ConnectRequest, ConnectResponse } from "./wire.ts";

/** An agent that reads nothing while so many messages wait for it is gone. */
const MAX_UNREAD = 1_000;

export interface SessionHandlerOptions {
  readonly sessions: Sessions;
  readonly desk: RenewalDesk;
  readonly caPem: string;
  readonly log: Logger;
}

type Call = ServerDuplexStream<ConnectRequest, ConnectResponse>;

/** `SessionService.Connect`: only with a client certificate of ours, not expired, of an active registration bound to its key. */
export function sessionHandler(
  options: SessionHandlerOptions,
): handleBidiStreamingCall<ConnectRequest, ConnectResponse> {
  return (call) => {
    const controller = new AbortController();
    call.on("cancelled", () => controller.abort());
    // What the transport has to say of a broken stream comes as `cancelled` or `close` too.
    call.on("error", () => undefined);
    serve(call, options, controller.signal).catch((error: unknown) => {
      const shown = error instanceof IdentityError ? refusalOf(error) : CallError.from(error);
      if (shown.code === "internal") options.log.error({ from: call.getPeer(), error }, "session not opened");
      else options.log.warn({ from: call.getPeer(), reason: shown.message }, "session refused");
      call.emit("error", statusOfError(shown));
    });
  };
}

async function serve(call: Call, options: SessionHandlerOptions, signal: AbortSignal): Promise<void> {
  const from = call.getPeer();
  const registration = await options.desk.admit(certificateOf(call, options.caPem), from, signal);
  if (signal.aborted) return;
  const link = new StreamLink(call, from);
  const session = options.sessions.connect(registration, link);
  call.on("data", (request: ConnectRequest) => {
    try {
      const message = fromConnectRequest(request);
      if (message !== undefined) session.receive(message);
    } catch (error) {
      session.cut("protocol", CallError.from(error).message);
    }
  });
  call.on("end", () => {
    session.ended();
    call.end();
  });
  call.on("cancelled", () => session.ended());
  call.on("close", () => session.ended());
}

class StreamLink implements AgentLink {
  readonly from: string;
  readonly #call: Call;

  constructor(call: Call, from: string) {
    this.#call = call;
    this.from = from;
  }

  send(message: Parameters<AgentLink["send"]>[0]): void {
    if (this.#call.writableLength > MAX_UNREAD) this.close("unavailable", "the agent does not read what it is sent");
    else this.#call.write(toConnectResponse(message));
  }

  close(code: CloseCode, reason: string): void {
    this.#call.emit("error", statusOfClose(code, reason));
  }
}

/** The auth context has a certificate only when TLS found it valid: ours, and of today. */
function certificateOf(call: Call, caPem: string): ReadCertificate {
  const certificate = call.getAuthContext().sslPeerCertificate;
  if (certificate === undefined) {
    throw new CallError(
      "unauthenticated",
      "a session needs a valid client certificate of this hub: renew an expired one with RegistrationService.Renew, or join with a token",
    );
  }
  return readAgentCertificate(certificate.raw, caPem);
}

function refusalOf(error: IdentityError): CallError {
  return new CallError("unauthenticated", error.message, { cause: error });
}
