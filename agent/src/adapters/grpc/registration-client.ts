import type { Registered, RegisterOutcome, RegisterRequest, RenewRequest } from "@axle/core/session/messages.ts";
import { reasonOf } from "@axle/runtime/deadline.ts";
import { type ClientUnaryCall, Metadata, type ServiceError } from "@grpc/grpc-js";
import type { HubEndpoint, RegistrationApi } from "../../join/ports.ts";
import { HubError } from "../../hub-error.ts";
import { hubErrorFrom } from "./grpc-error.ts";
import { hubChannel } from "./hub-channel.ts";
import {
  fromRegistered,
  fromRegisterResponse,
  RegistrationServiceClient,
  type RegisterResponse,
  type RenewResponse,
  toRegisterRequest,
  toRenewRequest,
} from "./wire.ts";

const CALL_TIMEOUT_MS = 15_000;

type Call<T> = (
  client: RegistrationServiceClient,
  options: { readonly metadata: Metadata; readonly deadline: number },
  callback: (error: ServiceError | null, response: T) => void,
) => ClientUnaryCall;

/** Registration over TLS, without a client certificate; the hub is known by the CA alone. Each call is a connection of its own. */
export class RegistrationClient implements RegistrationApi {
  readonly #endpoint: HubEndpoint;

  constructor(endpoint: HubEndpoint) {
    this.#endpoint = endpoint;
  }

  async register(request: RegisterRequest, signal: AbortSignal): Promise<RegisterOutcome> {
    const what = "registering";
    const response = await this.#call<RegisterResponse>(what, signal, (client, { metadata, deadline }, callback) =>
      client.register(toRegisterRequest(request), metadata, { deadline }, callback),
    );
    return fromRegisterResponse(response) ?? fail(what);
  }

  async renew(request: RenewRequest, signal: AbortSignal): Promise<Registered> {
    const what = "renewing the certificate";
    const response = await this.#call<RenewResponse>(what, signal, (client, { metadata, deadline }, callback) =>
      client.renew(toRenewRequest(request), metadata, { deadline }, callback),
    );
    return fromRegistered(response.registered) ?? fail(what);
  }

  async #call<T>(what: string, signal: AbortSignal, call: Call<T>): Promise<T> {
    signal.throwIfAborted();
    const { address, tls, options: channelOptions } = hubChannel(this.#endpoint);
    const client = new RegistrationServiceClient(address, tls, channelOptions);
    let abort: (() => void) | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        const options = { metadata: new Metadata(), deadline: Date.now() + CALL_TIMEOUT_MS };
        const running = call(client, options, (error, response) => {
          if (error === null) resolve(response);
          else reject(signal.aborted ? reasonOf(signal) : hubErrorFrom(error, what));
        });
        abort = () => running.cancel();
        signal.addEventListener("abort", abort, { once: true });
      });
    } finally {
      if (abort !== undefined) signal.removeEventListener("abort", abort);
      client.close();
    }
  }
}

function fail(what: string): never {
  throw new HubError("failed", `${what} failed: the hub's answer is incomplete`);
}
