import type { KeySet } from "@axle/core/session/key-set.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { Reconciler, SliceCache, SliceSource } from "./ports.ts";
import type { ReportBook } from "./report-book.ts";
import type { SliceLimits } from "./slice/slice-opener.ts";

export interface AgentOptions {
  readonly cluster: string;
  readonly source: SliceSource;
  readonly cache: SliceCache;
  readonly reconciler: Reconciler;
  readonly book: ReportBook;
  /** Asked for each slice: the hub may bring new keys. */
  readonly keySet: () => KeySet;
  readonly sealPrivateKey: Uint8Array;
  readonly log: Logger;
  /** Goes with the full comparison: what else is looked at from time to time. */
  readonly onVerify?: (signal: AbortSignal) => Promise<void>;
  readonly times: AgentTimes;
  readonly limits: SliceLimits;
  readonly now?: () => number;
  /** In [0, 1). */
  readonly random?: () => number;
}

export interface AgentTimes {
  /** The slice is read again without a ring. */
  readonly rereadMs: number;
  /** Everything is compared by dry-run. */
  readonly verifyMs: number;
  /** After a pass that left something to do, or a pack that could not be read; doubles from try to try. */
  readonly retryMs: number;
}
