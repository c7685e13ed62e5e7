import type { ClusterFacts } from "@axle/core/fleet/cluster.ts";
import type { Registered, RegisterOutcome, RegisterRequest, RenewRequest } from "@axle/core/session/messages.ts";

/** The hub before there is a session. Implemented by adapters/grpc. Throws HubError. */
export interface RegistrationApi {
  register(request: RegisterRequest, signal: AbortSignal): Promise<RegisterOutcome>;
  renew(request: RenewRequest, signal: AbortSignal): Promise<Registered>;
}

/** Where a hub is and how to know it. */
export interface HubEndpoint {
  /** `host:port` */
  readonly address: string;
  readonly caPem: string;
}

/** What the agent says of its cluster when it joins. */
export interface ClusterDescription {
  /** UID of the kube-system namespace: tells a rebuilt agent from a second cluster. */
  readonly kubeSystemUid: string;
  readonly facts: ClusterFacts;
}
