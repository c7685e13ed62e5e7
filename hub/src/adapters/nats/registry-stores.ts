import { z } from "zod";
import type { Claim, ClusterStatus, JoinToken, KeyedStore, Registration } from "../../registry-ports.ts";
import type { HubConnection } from "./hub-connection.ts";
import { NatsKeyedStore } from "./keyed-store.ts";

const sliceNumber = z.object({ epoch: z.number(), n: z.number() });

const registration = z.looseObject({
  id: z.string(),
  name: z.string(),
  labels: z.record(z.string(), z.string()),
  keyFingerprint: z.string(),
  sealPublicKey: z.string(),
  kubeSystemUid: z.string(),
  tokenId: z.string(),
  state: z.enum(["pending", "active", "revoked"]),
  joinedAtMs: z.number(),
  agentVersion: z.string(),
  facts: z.looseObject({
    kubernetesVersion: z.string(),
    provider: z.string(),
    nodes: z.number(),
    apiVersions: z.array(z.string()),
  }),
});

const claim = z.looseObject({ clusterId: z.string(), atMs: z.number() });

const joinToken = z.looseObject({
  id: z.string(),
  secretHash: z.string(),
  labels: z.record(z.string(), z.string()),
  namePattern: z.string(),
  usesLeft: z.number(),
  usedBy: z.array(z.string()),
  expiresAtMs: z.number(),
  manualApproval: z.boolean(),
  createdAtMs: z.number(),
});

const clusterStatus = z.looseObject({
  incarnation: z.number(),
  reportNumber: z.number(),
  heardAtMs: z.number(),
  online: z.boolean(),
  sinceMs: z.number(),
  accepted: sliceNumber.optional(),
  applied: sliceNumber.optional(),
  refusal: z.string(),
  apps: z.record(z.string(), z.looseObject({ app: z.string(), sync: z.string() })),
  timings: z.array(z.looseObject({ number: sliceNumber, steps: z.record(z.string(), z.number()) })),
});

/** The tables any replica of the hub reads and writes. */
export interface RegistryStores {
  readonly clusters: KeyedStore<Registration>;
  readonly claims: KeyedStore<Claim>;
  readonly tokens: KeyedStore<JoinToken>;
  readonly statuses: KeyedStore<ClusterStatus>;
}

export function registryStores(connection: HubConnection): RegistryStores {
  return {
    clusters: new NatsKeyedStore(connection, "axle_clusters", as<Registration>(registration)),
    claims: new NatsKeyedStore(connection, "axle_claims", as<Claim>(claim)),
    tokens: new NatsKeyedStore(connection, "axle_tokens", as<JoinToken>(joinToken)),
    statuses: new NatsKeyedStore(connection, "axle_status", as<ClusterStatus>(clusterStatus)),
  };
}

/** The schema checks what decisions rest on and lets the rest pass, so that a newer hub's fields survive an older one. */
function as<T>(shape: z.ZodType): z.ZodType<T> {
  return shape as z.ZodType<T>;
}
