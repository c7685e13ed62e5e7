import type { NatsAccess } from "@axle/core/session/messages.ts";
import type { PackRef, SliceEnvelope } from "@axle/core/slice/slice.ts";
import { Backoff } from "@axle/runtime/backoff.ts";
import { Coalesced } from "@axle/runtime/coalesce.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { Service } from "@axle/runtime/service.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import type { Ring, SliceSource } from "../../ports.ts";
import { parseEnvelope } from "../../slice/read-slice.ts";
import { SliceError } from "../../slice/slice-error.ts";
import { SourceError } from "../../source-error.ts";
import { directGet, type StoredMessage } from "./direct-get.ts";
import { NatsLink } from "./nats-link.ts";

export interface NatsSliceSourceOptions {
  /** Id of the cluster. */
  readonly cluster: string;
  readonly access: NatsAccess;
  readonly log: Logger;
  /** Largest encrypted pack. */
  readonly maxPackBytes: number;
  /** Chunks of one pack read at once. */
  readonly chunkConcurrency?: number;
  /** For one request. */
  readonly requestTimeoutMs?: number;
  /** How long a read waits for a server of the stream that lags behind the one that rang. */
  readonly lagMs?: number;
  /** The same for a pack, which is asked for again anyway: short, for other apps wait meanwhile. */
  readonly packLagMs?: number;
  readonly now?: () => number;
}

const STREAM = "AXLE";
const PACK_STREAM = "PACKS";

/** Slices and packs over NATS: a bell without content, then direct reads. */
export class NatsSliceSource implements SliceSource, Service {
  readonly name = "slice-source";
  readonly #options: Required<NatsSliceSourceOptions>;
  readonly #link: NatsLink;
  readonly #listeners = new Set<Coalesced<Ring>>();

  constructor(options: NatsSliceSourceOptions) {
    this.#options = {
      chunkConcurrency: 4,
      requestTimeoutMs: 5_000,
      lagMs: 5_000,
      packLagMs: 1_000,
      now: Date.now,
      ...options,
    };
    this.#link = new NatsLink(options.access, {
      cluster: options.cluster,
      log: options.log,
      onConnected: (connection) => this.#listen(connection),
    });
  }

  get isConnected(): boolean {
    return this.#link.isConnected;
  }

  /** Keeps the connection until stopped. */
  run(signal: AbortSignal): Promise<void> {
    return this.#link.run(signal);
  }

  renew(access: NatsAccess): void {
    this.#link.renew(access);
  }

  async *rings(signal: AbortSignal): AsyncIterable<Ring> {
    const rings = new Coalesced<Ring>({ merge: later, signal });
    this.#listeners.add(rings);
    if (this.isConnected) rings.push({ sequence: 0, atMs: this.#options.now() });
    try {
      yield* rings;
    } finally {
      this.#listeners.delete(rings);
    }
  }

  async readSlice(
    atLeastSequence: number,
    signal: AbortSignal,
  ): Promise<{ envelope: SliceEnvelope; sequence: number } | undefined> {
    const subject = `axle.slice.${this.#options.cluster}`;
    const isThere = (found: StoredMessage | undefined) => (found?.sequence ?? 0) >= atLeastSequence;
    const found = await this.#read({ stream: STREAM, subject, isThere, lagMs: this.#options.lagMs }, signal);
    if (!isThere(found)) {
      throw new SourceError("timeout", `the slice of sequence ${atLeastSequence} could not be read in time`);
    }
    if (found === undefined) return undefined;
    return { envelope: parseEnvelope(new TextDecoder().decode(found.data)), sequence: found.sequence };
  }

  async readPack(ref: PackRef, signal: AbortSignal): Promise<Uint8Array> {
    const { maxPackBytes, chunkConcurrency } = this.#options;
    if (ref.size > maxPackBytes || ref.chunks > ref.size) {
      throw new SliceError("too-large", `pack ${ref.digest} has ${ref.size} bytes, more than ${maxPackBytes}`);
    }
    const chunks: Uint8Array[] = [];
    const waiting = Array.from({ length: ref.chunks }, (_, index) => index).values();
    const worker = async () => {
      for (const index of waiting) chunks[index] = await this.#readChunk(ref, index, signal);
    };
    await Promise.all(Array.from({ length: Math.min(chunkConcurrency, ref.chunks) }, worker));
    return Buffer.concat(chunks);
  }

  async #readChunk(ref: PackRef, index: number, signal: AbortSignal): Promise<Uint8Array> {
    const subject = `axle.pack.${ref.digest}.${index}`;
    const isThere = (chunk: StoredMessage | undefined) => chunk !== undefined;
    const found = await this.#read({ stream: PACK_STREAM, subject, isThere, lagMs: this.#options.packLagMs }, signal);
    if (found === undefined) {
      throw new SliceError("missing-pack", `pack ${ref.digest} is not there (part ${index + 1} of ${ref.chunks})`);
    }
    return found.data;
  }

  /** Reads until `isThere`, or gives what there is when a lagging server's time is up. */
  async #read(
    what: { stream: string; subject: string; isThere: (found: StoredMessage | undefined) => boolean; lagMs: number },
    signal: AbortSignal,
  ): Promise<StoredMessage | undefined> {
    const { now, requestTimeoutMs } = this.#options;
    const { stream, subject, isThere, lagMs } = what;
    const backoff = new Backoff({ firstMs: 5, longestMs: 500 });
    const untilMs = now() + lagMs;
    while (true) {
      const get = { stream, subject, timeoutMs: requestTimeoutMs };
      const found = await directGet(this.#link.connection(), get, signal);
      if (isThere(found) || now() >= untilMs) return found;
      await sleep(backoff.nextMs(), signal);
    }
  }

  /** Subscribes before the first ring of the connection, so that nothing published in between is missed. */
  #listen(connection: NatsConnection): void {
    const subject = `axle.slice.${this.#options.cluster}`;
    const ring = (sequence: number) => {
      const atMs = this.#options.now();
      for (const listener of this.#listeners) listener.push({ sequence, atMs });
    };
    const onBell = (error: Error | null, message: Msg) => {
      if (error === null) ring(sequenceOf(message, subject));
      else this.#options.log.warn({ error }, "the bell cannot be heard; the slice is read at intervals");
    };
    connection.subscribe(`axle.bell.${this.#options.cluster}`, { callback: onBell });
    ring(0);
  }
}

/**
 * The sequence the republished message has in its stream; 0, which only says "read", when it says none, or is about
 * another subject: an agent elsewhere can have an answer of its own delivered to our bell.
 */
function sequenceOf(message: Msg, subject: string): number {
  if (message.headers?.get("Nats-Subject") !== subject) return 0;
  const sequence = Number(message.headers?.get("Nats-Sequence"));
  return Number.isSafeInteger(sequence) && sequence > 0 ? sequence : 0;
}

/** The highest sequence, unless the connection is new; heard first when the earliest was: that is when the wait began. */
function later(held: Ring, next: Ring): Ring {
  return { sequence: next.sequence === 0 ? 0 : Math.max(held.sequence, next.sequence), atMs: held.atMs };
}
