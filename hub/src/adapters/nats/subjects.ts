import { StoreError } from "./store-error.ts";

/** What the leader writes, with its lease: a subject per key, the newest message of each only. */
export const STATE_STREAM = "AXLE";
/** Encrypted packs in numbered chunks. */
export const PACK_STREAM = "PACKS";

/** What any replica of the hub records of who did what; the leader's own entries are in its batches. */
export const AUDIT_STREAM = "AUDIT";
/** Key-value buckets, written by any replica with compare-and-set. */
export const BUCKETS = ["axle_clusters", "axle_claims", "axle_tokens", "axle_status"] as const;
export type Bucket = (typeof BUCKETS)[number];

/** The stream behind a bucket, as every NATS client names it. */
export function bucketStream(bucket: Bucket): string {
  return `KV_${bucket}`;
}

export const LEASE_SUBJECT = "axle.lease";
export const FLEET_SUBJECT = "axle.fleet";
export const STATE_SUBJECTS = [
  LEASE_SUBJECT,
  FLEET_SUBJECT,
  "axle.slice.*",
  "axle.app.*",
  "axle.render.*",
  "axle.index.*",
  "axle.approvals.*",
  "axle.commit.*",
  "axle.source.*",
  "axle.audit.*",
] as const;

/** Prefixes of subjects with one key behind them. */
export type KeyPrefix = "slice" | "app" | "render" | "index" | "approvals" | "commit" | "source" | "audit";

/** `axle.<prefix>.<key>`. Throws StoreError `bad-name` for a key that is not one subject token of safe characters. */
export function subjectOf(prefix: KeyPrefix, key: string): string {
  return `axle.${prefix}.${checkToken(key)}`;
}

/** The key behind `axle.<prefix>.`; undefined for other subjects. */
export function keyOf(prefix: KeyPrefix, subject: string): string | undefined {
  const start = `axle.${prefix}.`;
  return subject.startsWith(start) ? subject.slice(start.length) : undefined;
}

/** Rung (headers only) whenever the cluster's slice was stored. */
export function bellSubjectOf(cluster: string): string {
  return `axle.bell.${checkToken(cluster)}`;
}

export function packSubjectOf(digest: string, chunk: number): string {
  return `axle.pack.${checkDigest(digest)}.${chunk}`;
}

/** A name as one token of a subject: no dots, wildcards, spaces. */
export function checkToken(name: string): string {
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(name)) throw new StoreError("bad-name", `${JSON.stringify(name)} cannot be a key`);
  return name;
}

function checkDigest(digest: string): string {
  if (!/^[0-9a-f]{64}$/.test(digest))
    throw new StoreError("bad-name", `${JSON.stringify(digest)} is no SHA-256 digest`);
  return digest;
}
