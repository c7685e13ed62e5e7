import type { handleUnaryCall, ServerUnaryCall } from "@grpc/grpc-js";
import type { Logger } from "@axle/runtime/logger.ts";
import { CallError } from "../../api/call-error.ts";
import { statusOfError } from "./call-status.ts";

/** What a unary method is told beside its request; the signal aborts when the caller goes away or its deadline passes. */
export interface UnaryContext {
  /** Address of the caller. */
  readonly from: string;
  readonly authorization: string | undefined;
  readonly signal: AbortSignal;
}

/** An async function as a handler of grpc-js; what it throws becomes a status, and what we did not foresee is logged. */
export function unary<Request, Response>(
  log: Logger,
  method: (request: Request, context: UnaryContext) => Response | Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const controller = new AbortController();
    call.on("cancelled", () => controller.abort(new CallError("aborted", "the caller went away")));
    const answer = async () => {
      try {
        callback(null, await method(call.request, { ...callerOf(call), signal: controller.signal }));
      } catch (error) {
        const shown = CallError.from(error);
        if (shown !== error && !controller.signal.aborted) log.error({ method: call.getPath(), error }, "call failed");
        callback(statusOfError(shown));
      }
    };
    void answer();
  };
}

function callerOf(call: ServerUnaryCall<unknown, unknown>): Pick<UnaryContext, "from" | "authorization"> {
  const [authorization] = call.metadata.get("authorization");
  return { from: call.getPeer(), authorization: authorization?.toString() };
}
