import type { ClusterFacts } from "../fleet/cluster.ts";
import type { SliceNumber } from "../slice/slice.ts";
import type { ClusterReport } from "../status/report.ts";
import type { KeySet } from "./key-set.ts";

/** Version of the session protocol. 1: first. */
export const SESSION_PROTOCOL = 1;

/** Where and as whom an agent reads from NATS. */
export interface NatsAccess {
  readonly servers: readonly string[];
  /** PEM of the CA that signed the servers' certificates; "" for the system's roots. */
  readonly caPem: string;
  /** User JWT and seed in `.creds` form. Secret. */
  readonly creds: string;
  readonly expiresAtMs: number;
}

/** What an agent says on its session, in the order hello first, then anything. */
export type AgentMessage =
  | Hello
  | { readonly type: "report"; readonly report: ClusterReport }
  | Heartbeat
  | { readonly type: "renewal"; readonly csrPem: string };

export interface Hello {
  readonly type: "hello";
  readonly protocol: number;
  readonly agentVersion: string;
  /** Greater for every start of the agent; the newer one wins. */
  readonly incarnation: number;
  /** The highest number it accepted. */
  readonly accepted: SliceNumber | undefined;
  /** Random for each start: tells two agents with one key from one that connects again. Old agents give none. */
  readonly instance?: string;
  /** Its API server is away, so that another agent of its cluster may lead by now. */
  readonly unsure?: boolean;
  readonly sliceFormats: readonly number[];
  readonly facts: ClusterFacts;
}

export interface Heartbeat {
  readonly type: "heartbeat";
  /** Agent's clock. */
  readonly sentAtMs: number;
  /** Echo of the last reply's `hubAtMs`; 0 when none. */
  readonly hubAtMs: number;
  /** Set when the facts of the hello are no longer true. */
  readonly facts?: ClusterFacts;
}

/** What the hub says on a session: welcome answers hello; a report is acknowledged once it is stored (S10). */
export type HubMessage =
  | Welcome
  | { readonly type: "expected"; readonly number: SliceNumber | undefined }
  | { readonly type: "report-ack"; readonly number: number }
  | { readonly type: "heartbeat-reply"; readonly sentAtMs: number; readonly hubAtMs: number }
  | Renewal
  | { readonly type: "sync-now"; readonly apps: readonly string[] };

export interface Welcome {
  readonly type: "welcome";
  readonly protocol: number;
  readonly hubVersion: string;
  readonly clusterName: string;
  readonly nats: NatsAccess | undefined;
  readonly keySet: KeySet;
  readonly expected: SliceNumber | undefined;
}

export interface Renewal {
  readonly type: "renewal";
  /** "" when only NATS access was asked for. */
  readonly certificatePem: string;
  readonly nats: NatsAccess | undefined;
  readonly keySet: KeySet;
}

/** What an agent asks to join with. Binary fields are base64. */
export interface RegisterRequest {
  /** The whole join token. Secret. */
  readonly token: string;
  /** "" takes the one the token names. */
  readonly name: string;
  readonly csrPem: string;
  /** X25519, 32 bytes. */
  readonly sealPublicKey: string;
  readonly kubeSystemUid: string;
  readonly agentVersion: string;
  readonly facts: ClusterFacts;
}

export type RegisterOutcome =
  | { readonly type: "pending"; readonly reason: string; readonly retryAfterMs: number }
  | ({ readonly type: "registered" } & Registered);

export interface Registered {
  readonly clusterId: string;
  readonly name: string;
  readonly certificatePem: string;
  readonly caPem: string;
  readonly sessionAddress: string;
  readonly nats: NatsAccess;
  readonly keySet: KeySet;
}

/** What an agent whose certificate expired asks with, signed by its old key over {@link renewText}. */
export interface RenewRequest {
  readonly clusterId: string;
  readonly certificatePem: string;
  readonly csrPem: string;
  readonly signedAtMs: number;
  readonly signature: string;
}

/** The text a renewal's signature covers. */
export function renewText(request: Pick<RenewRequest, "clusterId" | "signedAtMs" | "csrPem">): string {
  return `axle-renew-v1\n${request.clusterId}\n${request.signedAtMs}\n${request.csrPem}`;
}
