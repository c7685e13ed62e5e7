import { compareNumbers } from "@axle/core/slice/slice.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import type { SliceContent } from "@axle/core/placement/slice-content.ts";
import type { SliceRecord } from "../ports.ts";

/** One slice to be written. */
export interface Publication {
  readonly content: SliceContent;
  /** Keyed digest of the content. */
  readonly digest: string;
  readonly number: SliceNumber;
}

export interface PublicationInput {
  /** By cluster id. */
  readonly contents: ReadonlyMap<string, SliceContent>;
  readonly stored: ReadonlyMap<string, SliceRecord>;
  /** Highest number each agent said it accepted. */
  readonly accepted: ReadonlyMap<string, SliceNumber>;
  readonly epoch: number;
  readonly digestOf: (content: SliceContent) => string;
}

/**
 * Which clusters get a new slice: those whose content differs from what stands in the store (L4), and those whose
 * agent is above it, because the store was lost or restored and the agent would refuse what is there (S1). The number
 * is above both.
 */
export function planPublications(input: PublicationInput): readonly Publication[] {
  const publications: Publication[] = [];
  for (const [cluster, content] of input.contents) {
    const stored = input.stored.get(cluster);
    const accepted = input.accepted.get(cluster);
    const digest = input.digestOf(content);
    const isAgentAhead =
      accepted !== undefined && (stored === undefined || compareNumbers(accepted, stored.number) > 0);
    if (stored?.content === digest && !isAgentAhead) continue;
    publications.push({ content, digest, number: numberAbove(input.epoch, [stored?.number, accepted]) });
  }
  return publications;
}

/** In the hub's epoch where that is above all that is known, else one more in the highest epoch known. */
function numberAbove(epoch: number, known: readonly (SliceNumber | undefined)[]): SliceNumber {
  let highest: SliceNumber = { epoch, n: 0 };
  for (const number of known) {
    if (number !== undefined && compareNumbers(number, highest) > 0) highest = number;
  }
  return { epoch: highest.epoch, n: highest.n + 1 };
}
