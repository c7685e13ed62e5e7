import type { OutgoingMessage } from "./publish.ts";
import { LEASE_SUBJECT } from "./subjects.ts";

/** What stands in `axle.lease`. */
export interface LeaseRecord {
  /** For people: which process. */
  readonly holder: string;
  /** The same for a process that restarts on the same data: it need not wait for its own lease to expire. */
  readonly instance: string;
  /** Unique to one term. */
  readonly term: string;
  readonly isReleased: boolean;
}

export function leaseMessage(record: LeaseRecord): OutgoingMessage {
  return { subject: LEASE_SUBJECT, payload: JSON.stringify(record) };
}

/** Undefined when it is no lease: then it is nobody's. */
export function parseLease(data: Uint8Array): LeaseRecord | undefined {
  try {
    const value = JSON.parse(Buffer.from(data).toString("utf8")) as Partial<Record<keyof LeaseRecord, unknown>>;
    const { holder, instance, term, isReleased } = value;
    if (typeof holder !== "string" || typeof instance !== "string" || typeof term !== "string") return undefined;
    return { holder, instance, term, isReleased: isReleased === true };
  } catch {
    return undefined;
  }
}
