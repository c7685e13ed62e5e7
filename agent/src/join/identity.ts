import { X509Certificate } from "node:crypto";
import type { Registered } from "@axle/core/session/messages.ts";
import type { RenewalTimes } from "@axle/core/session/agent-session.ts";
import * as z from "zod/mini";
import type { LeftFleet } from "./departure.ts";

/**
 * Who this agent is. The keys are made once and never leave the cluster; they are stored before they are first used, so
 * that an agent that dies while it joins goes on as the same one.
 */
export interface Identity {
  /** Ed25519, PKCS#8 PEM. Secret. */
  readonly keyPem: string;
  /** Certificate request for that key: the same for every certificate it gets. */
  readonly csrPem: string;
  /** X25519, 32 bytes, base64. Secret. */
  readonly sealPrivateKey: string;
  /** What the hub gave; undefined until it admitted the cluster. */
  readonly registered?: Registered;
  /** With keys that were not used yet: the cluster left its fleet, and joins one only by another token. */
  readonly left?: LeftFleet;
}

/** An identity the hub admitted. */
export type RegisteredIdentity = Identity & { readonly registered: Registered };

/** Where it is kept: a file, or a Secret in the cluster. */
export interface IdentityStore {
  /** Undefined when there is none yet. */
  load(signal: AbortSignal): Promise<Identity | undefined>;
  /** Resolves when it is stored durably. */
  save(identity: Identity, signal: AbortSignal): Promise<void>;
}

const text = z.string().check(z.minLength(1));

const registered = z.object({
  clusterId: text,
  name: text,
  certificatePem: text,
  caPem: text,
  sessionAddress: text,
  nats: z.object({ servers: z.array(text), caPem: z.string(), creds: z.string(), expiresAtMs: z.number() }),
  keySet: z.object({
    version: z.number(),
    keys: z.array(z.object({ id: text, publicKey: text })),
    rootPublicKey: text,
    signature: text,
  }),
}) satisfies z.ZodMiniType<Registered>;

const identity = z.object({
  keyPem: text,
  csrPem: text,
  sealPrivateKey: text,
  registered: z.exactOptional(registered),
  left: z.exactOptional(z.object({ name: text, clusterId: text, atMs: z.number(), tokenId: z.string() })),
}) satisfies z.ZodMiniType<Identity>;

/** Checks the shape of what a store held; throws when it is another. The error does not repeat what was there. */
export function parseIdentity(value: unknown): Identity {
  return identity.parse(value);
}

/** Credentials are renewed when two thirds of their life are over: there is time for many tries. */
const RENEW_AT = 2 / 3;

/** When to ask for new credentials. Access to NATS does not say since when it holds: the time it has left from now counts. */
export function renewalTimesOf(given: Registered, nowMs: number): RenewalTimes {
  const certificate = new X509Certificate(given.certificatePem);
  const fromMs = Date.parse(certificate.validFrom);
  const untilMs = Date.parse(certificate.validTo);
  return {
    certificateAtMs: fromMs + (untilMs - fromMs) * RENEW_AT,
    natsAtMs: nowMs + Math.max(0, given.nats.expiresAtMs - nowMs) * RENEW_AT,
  };
}

export function isExpired(given: Registered, nowMs: number): boolean {
  return Date.parse(new X509Certificate(given.certificatePem).validTo) <= nowMs;
}
