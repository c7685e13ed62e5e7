import type { Steps } from "@axle/core/steps.ts";
import type { SliceContent } from "@axle/core/placement/slice-content.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import type { SliceRecord, StoreEntry } from "../ports.ts";
import type { Registration } from "../registry-ports.ts";
import { Sealer } from "@axle/runtime/crypto/sealing.ts";
import type { SharedParts } from "../slice/shared-parts.ts";
import { digestOfContent, writeSlice } from "../slice/write-slice.ts";
import { planPublications } from "./plan-publications.ts";

export interface SlicesInput {
  /** By cluster id. */
  readonly contents: ReadonlyMap<string, SliceContent>;
  readonly registrations: readonly Registration[];
  readonly stored: ReadonlyMap<string, SliceRecord>;
  /** Highest number each agent said it accepted. */
  readonly accepted: ReadonlyMap<string, SliceNumber>;
  readonly epoch: number;
  readonly signing: { readonly id: string; readonly privateKey: Uint8Array };
  readonly packMaster: Uint8Array;
  readonly shared: SharedParts;
}

export interface WrittenSlices {
  readonly entries: readonly StoreEntry[];
  /** Numbers by cluster id. */
  readonly published: Readonly<Record<string, SliceNumber>>;
}

const DIGESTS_PER_STEP = 50;

/** The slices that differ from what stands in the store, numbered, sealed and signed; one after the other, for each takes its time. */
export function* writeSlicesInSteps(input: SlicesInput): Steps<WrittenSlices> {
  const { contents, registrations, stored, accepted, epoch, signing, packMaster, shared } = input;
  const byId = new Map(registrations.map((registration) => [registration.id, registration]));
  const digests = new Map<string, string>();
  for (const [cluster, content] of contents) {
    // Sealed to another key it is another slice: that of an agent that took the place of the one before.
    digests.set(
      cluster,
      digestOfContent(content, { shared, packMaster, sealedTo: byId.get(cluster)?.sealPublicKey ?? "" }),
    );
    if (digests.size % DIGESTS_PER_STEP === 0) yield undefined;
  }
  const digestOf = ({ cluster }: SliceContent): string => digests.get(cluster) ?? "";
  const publications = planPublications({ contents, stored, accepted, epoch, digestOf });
  const entries: StoreEntry[] = [];
  const published: Record<string, SliceNumber> = {};
  const sealer = new Sealer();
  for (const { content, digest, number } of publications) {
    const registration = byId.get(content.cluster);
    // Who of several agents with one key it would be for, a person has to say.
    if (registration === undefined || registration.hold !== undefined) continue;
    const envelope = writeSlice(content, { number, sealPublicKey: keyOf(registration), signing, sealer, shared });
    entries.push({ type: "slice", envelope, content: digest });
    published[content.cluster] = number;
    yield undefined;
  }
  return { entries, published };
}

/** The same bytes each time, so that the key they are is made ready once. */
const keys = new WeakMap<Registration, Uint8Array>();

function keyOf(registration: Registration): Uint8Array {
  const known = keys.get(registration);
  if (known !== undefined) return known;
  const key = Buffer.from(registration.sealPublicKey, "base64");
  keys.set(registration, key);
  return key;
}
