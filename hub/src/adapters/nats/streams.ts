import { JetStreamApiCodes, JetStreamApiError, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import type { JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import type { Logger } from "@axle/runtime/logger.ts";
import type { AuditLimits } from "./audit-retention.ts";
import type { HubConnection } from "./hub-connection.ts";
import { StoreError } from "./store-error.ts";
import { AUDIT_STREAM, BUCKETS, bucketStream, PACK_STREAM, STATE_STREAM, STATE_SUBJECTS } from "./subjects.ts";

type Wanted = Partial<StreamConfig> & Pick<StreamConfig, "name" | "subjects">;

/** Settings every stream of ours shares. */
const COMMON = {
  storage: StorageType.File,
  retention: RetentionPolicy.Limits,
  allow_direct: true,
} as const;

/** All streams of a fleet as they must be; `audit` undefined: what is recorded is kept for ever. */
export function wantedStreams(replicas: number, audit?: AuditLimits): readonly Wanted[] {
  const shared = { ...COMMON, num_replicas: replicas };
  return [
    {
      ...shared,
      name: STATE_STREAM,
      description: "what the leader writes, and its lease",
      subjects: [...STATE_SUBJECTS],
      max_msgs_per_subject: 1,
      allow_atomic: true,
      // Only what the stream accepted rings an agent, and it carries no content.
      republish: { src: "axle.slice.*", dest: "axle.bell.{{wildcard(1)}}", headers_only: true },
    },
    {
      ...shared,
      name: PACK_STREAM,
      description: "encrypted packs in chunks",
      subjects: ["axle.pack.*.*"],
      max_msgs_per_subject: 1,
    },
    {
      ...shared,
      name: AUDIT_STREAM,
      description: "who did what, beside what the leader records",
      subjects: ["axle.trail.*"],
      deny_delete: true,
      max_age: audit === undefined ? 0 : nanos(audit.maxAgeMs),
      max_bytes: audit === undefined ? -1 : audit.maxBytes,
    },
    ...BUCKETS.map((bucket) => ({
      ...shared,
      name: bucketStream(bucket),
      description: `key-value bucket ${bucket}`,
      subjects: [`$KV.${bucket}.>`],
      max_msgs_per_subject: 1,
      allow_rollup_hdrs: true,
      deny_delete: true,
    })),
  ];
}

/**
 * Creates what is missing and brings what exists to the wanted settings; does nothing when all is well. Throws
 * {@link StoreError}, `corrupt` for a stream of our name that cannot be made ours.
 */
export async function ensureStreams(
  connection: HubConnection,
  options: {
    readonly replicas: number;
    readonly audit?: AuditLimits;
    readonly log: Logger;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  for (const wanted of wantedStreams(options.replicas, options.audit)) {
    const ensure = () => ensureStream(connection.jsm, wanted, options.log);
    await connection.ask(ensure, { what: `preparing stream ${wanted.name}`, signal: options.signal });
  }
}

async function ensureStream(jsm: JetStreamManager, wanted: Wanted, log: Logger): Promise<void> {
  const existing = await findStream(jsm, wanted.name);
  if (existing === undefined) {
    await jsm.streams.add(wanted);
    log.info({ stream: wanted.name, replicas: wanted.num_replicas }, "stream created");
    return;
  }
  const differing = differencesOf(existing, wanted);
  if (differing.length === 0) return;
  if (differing.includes("storage") || differing.includes("retention")) {
    throw new StoreError("corrupt", `stream ${wanted.name} exists with other ${differing.join(", ")}; it is not ours`);
  }
  await jsm.streams.update(wanted.name, { ...existing, ...wanted });
  log.info({ stream: wanted.name, differing }, "stream updated");
}

async function findStream(jsm: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await jsm.streams.info(name)).config;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return undefined;
    throw error;
  }
}

/** Names of settings that are not as wanted. */
function differencesOf(existing: StreamConfig, wanted: Wanted): string[] {
  return Object.entries(wanted)
    .filter(
      ([name, value]) => JSON.stringify(sorted(existing[name as keyof StreamConfig])) !== JSON.stringify(sorted(value)),
    )
    .map(([name]) => name);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(String).toSorted();
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
}
