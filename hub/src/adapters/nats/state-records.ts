import { z } from "zod";
import type { AppRecord, PackHandle } from "@axle/core/placement/app-record.ts";
import type { DeletionApproval, SliceEnvelope, SliceNumber } from "@axle/core/slice/slice.ts";
import { sha256Hex } from "@axle/runtime/crypto/digests.ts";
import type { AuditEntry, FleetRecord, PublishedSlices, RenderRecord, SliceRecord, StoreEntry } from "../../ports.ts";
import { GONE_HEADERS } from "./publish.ts";
import type { OutgoingMessage } from "./publish.ts";
import type { StoredMessage } from "./read-messages.ts";
import { StoreError } from "./store-error.ts";
import { FLEET_SUBJECT, subjectOf } from "./subjects.ts";

/** Keyed digest of a slice's content, so that the body need not be opened to compare. */
const CONTENT_HEADER = "Axle-Content";
const NUMBER_HEADER = "Axle-Number";

/** What `axle.index.<digest>` says of a pack: enough to guard with, without opening it. */
export interface PackIndex {
  readonly pack: PackHandle;
  readonly objects: RenderRecord["objects"];
}

// The hub wrote these itself: what is checked is that it is the record it seems, not every field of it.
const fleetShape = z.looseObject({ name: z.string(), head: z.string(), accepted: z.string(), epoch: z.number() });
const appShape = z.looseObject({
  app: z.string(),
  revision: z.number(),
  commit: z.string(),
  packs: z.array(z.looseObject({ digest: z.string(), keyId: z.string() })),
  // Not entry by entry: thousands of clusters times hundreds of apps are read at every start.
  targets: z.looseObject({}),
});
const renderShape = z.looseObject({
  pack: z.looseObject({ digest: z.string(), keyId: z.string() }),
  objects: z.array(z.unknown()),
});
const publishedShape = z.record(z.string(), z.record(z.string(), z.number()));
const sourceShape = z.looseObject({ key: z.string(), digest: z.string(), usedAtMs: z.number().optional() });
const approvalsShape = z.array(z.looseObject({ id: z.string(), app: z.string(), hash: z.string() }));

/** A store entry as the messages that hold it. `auditId` names audit entries, in the order of time. */
export function messagesOf(entry: StoreEntry, auditId: () => string): readonly OutgoingMessage[] {
  switch (entry.type) {
    case "fleet":
      return [{ subject: FLEET_SUBJECT, payload: JSON.stringify(entry.record) }];
    case "app":
      return [{ subject: subjectOf("app", entry.record.app), payload: JSON.stringify(entry.record) }];
    case "app-gone":
      return [goneMessage(subjectOf("app", entry.app))];
    case "render":
      return renderMessages(entry.key, entry.record);
    case "slice":
      return [sliceMessage(entry.envelope, entry.content)];
    case "slice-gone":
      return [goneMessage(subjectOf("slice", entry.cluster))];
    case "approvals":
      if (entry.approvals.length === 0) return [goneMessage(subjectOf("approvals", entry.cluster))];
      return [{ subject: subjectOf("approvals", entry.cluster), payload: JSON.stringify(entry.approvals) }];
    case "published":
      return [{ subject: subjectOf("commit", entry.commit), payload: formatPublished(entry.slices) }];
    case "published-gone":
      return [goneMessage(subjectOf("commit", entry.commit))];
    case "source": {
      const { key, digest, usedAtMs } = entry;
      return [{ subject: sourceSubjectOf(key), payload: JSON.stringify({ key, digest, usedAtMs }) }];
    }
    case "source-gone":
      return [goneMessage(sourceSubjectOf(entry.key))];
    case "audit":
      return [auditMessage(entry.entry, auditId())];
  }
}

/** A message that says its key is gone; it is purged once it is stored. */
export function goneMessage(subject: string): OutgoingMessage {
  return { subject, payload: "", headers: GONE_HEADERS };
}

export function isGone(message: Pick<StoredMessage, "headers">): boolean {
  return message.headers?.has("Axle-Gone") ?? false;
}

/** `axle.render.<digest of the memo key>`. */
export function renderSubjectOf(key: string): string {
  return subjectOf("render", sha256Hex(key));
}

export function parseFleet(message: StoredMessage): FleetRecord {
  return parse(message, fleetShape) as unknown as FleetRecord;
}

export function parseApp(message: StoredMessage): AppRecord {
  return parse(message, appShape) as unknown as AppRecord;
}

export function parseRender(message: StoredMessage): RenderRecord {
  return parse(message, renderShape) as unknown as RenderRecord;
}

export function parseIndex(message: StoredMessage): PackIndex {
  return parse(message, renderShape) as unknown as PackIndex;
}

export function parseApprovals(message: StoredMessage): readonly DeletionApproval[] {
  return parse(message, approvalsShape) as unknown as readonly DeletionApproval[];
}

export function parsePublished(message: StoredMessage): PublishedSlices {
  const byEpoch = parse(message, publishedShape);
  return Object.fromEntries(
    Object.entries(byEpoch).flatMap(([epoch, numbers]) =>
      Object.entries(numbers).map(([cluster, n]) => [cluster, { epoch: Number(epoch), n }] as const),
    ),
  );
}

export function parseSource(message: StoredMessage): StoredSource {
  return parse(message, sourceShape);
}

export interface StoredSource {
  readonly key: string;
  readonly digest: string;
  /** Absent in what older hubs wrote. */
  readonly usedAtMs?: number | undefined;
}

/** A source's name is an address: no subject token, and of any length. */
function sourceSubjectOf(key: string): string {
  return subjectOf("source", sha256Hex(key));
}

/** From the headers alone: the body is for its cluster. */
export function parseSliceHead(message: StoredMessage): SliceRecord {
  const content = message.headers?.get(CONTENT_HEADER) ?? "";
  const number = parseNumber(message.headers?.get(NUMBER_HEADER) ?? "");
  if (content === "" || number === undefined) throw corrupt(message, "its headers do not describe a slice");
  return { number, content };
}

function renderMessages(key: string, record: RenderRecord): readonly OutgoingMessage[] {
  const index: PackIndex = { pack: record.pack, objects: record.objects };
  return [
    { subject: renderSubjectOf(key), payload: JSON.stringify(record) },
    { subject: subjectOf("index", record.pack.digest), payload: JSON.stringify(index) },
  ];
}

function sliceMessage(envelope: SliceEnvelope, content: string): OutgoingMessage {
  const number = `${envelope.number.epoch}.${envelope.number.n}`;
  return {
    subject: subjectOf("slice", envelope.cluster),
    payload: JSON.stringify(envelope),
    headers: { [CONTENT_HEADER]: content, [NUMBER_HEADER]: number },
  };
}

/** Grouped by epoch, of which there is one, as a rule: half the size. */
function formatPublished(slices: PublishedSlices): string {
  const byEpoch: Record<string, Record<string, number>> = {};
  for (const [cluster, { epoch, n }] of Object.entries(slices)) (byEpoch[epoch] ??= {})[cluster] = n;
  return JSON.stringify(byEpoch);
}

function auditMessage(entry: AuditEntry, id: string): OutgoingMessage {
  return { subject: subjectOf("audit", id), payload: JSON.stringify(entry) };
}

function parseNumber(text: string): SliceNumber | undefined {
  const [, epoch, n] = /^(\d+)\.(\d+)$/.exec(text) ?? [];
  return epoch === undefined || n === undefined ? undefined : { epoch: Number(epoch), n: Number(n) };
}

function parse<T>(message: StoredMessage, shape: z.ZodType<T>): T {
  try {
    return shape.parse(JSON.parse(Buffer.from(message.data).toString("utf8")));
  } catch (error) {
    throw corrupt(message, "it is not the record that belongs there", error);
  }
}

function corrupt(message: StoredMessage, what: string, cause?: unknown): StoreError {
  return new StoreError("corrupt", `${message.subject} at sequence ${message.sequence}: ${what}`, { cause });
}
