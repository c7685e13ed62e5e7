import { Serial } from "@axle/runtime/serial.ts";
import type { HubConnection } from "./hub-connection.ts";
import { leaseMessage, parseLease } from "./lease-record.ts";
import type { LeaseRecord } from "./lease-record.ts";
import { batchesOf, publishBatch, publishMessage } from "./publish.ts";
import type { Expectation, OutgoingMessage } from "./publish.ts";
import { readNewest } from "./read-messages.ts";
import { StoreError } from "./store-error.ts";
import { LEASE_SUBJECT, STATE_STREAM } from "./subjects.ts";

/**
 * One term of one leader: its only way to write, serial, every batch on condition that the lease still is the message
 * this term wrote last (S7). Renewals change that message, so they go through the same queue.
 */
export class Leadership {
  readonly #connection: HubConnection;
  readonly #record: LeaseRecord;
  readonly #serial = new Serial();
  readonly #lost = new AbortController();
  #sequence: number;
  /** A write whose outcome is not known may still arrive at the server; the next one first moves the lease on. */
  #isUnsure = false;
  #renewedAtMs = performance.now();

  constructor(connection: HubConnection, record: LeaseRecord, sequence: number) {
    this.#connection = connection;
    this.#record = record;
    this.#sequence = sequence;
  }

  /** Aborts, with a StoreError `lease-lost`, once another leader is known to have taken over. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Sequence of the lease's newest message: all that earlier leaders wrote is before it. */
  get sequence(): number {
    return this.#sequence;
  }

  /** How long ago the lease was last written. */
  get ageMs(): number {
    return performance.now() - this.#renewedAtMs;
  }

  /**
   * Stores messages in order, in atomic batches ({@link batchesOf}); resolves with each message's sequence.
   * Throws StoreError `lease-lost` when the term is over: nothing of that batch was stored.
   */
  write(messages: readonly OutgoingMessage[], signal: AbortSignal): Promise<readonly number[]> {
    return this.#serial.run(async () => {
      const sequences: number[] = [];
      for (const batch of batchesOf(messages)) {
        const last = await this.#fenced(signal, (expect) => publishBatch(this.#connection, batch, { expect, signal }));
        sequences.push(...batch.map((_, index) => last - batch.length + 1 + index));
      }
      return sequences;
    });
  }

  /** Writes the lease again. */
  renew(signal: AbortSignal): Promise<void> {
    return this.#serial.run(() => this.#renew(signal));
  }

  /**
   * After it, nothing this term wrote before can still arrive, and every replica that has seen our lease has seen all
   * that did: what is read then is the truth.
   */
  settle(signal: AbortSignal): Promise<void> {
    return this.#serial.run(async () => {
      this.#lost.signal.throwIfAborted();
      await (this.#isUnsure ? this.#settle(signal) : this.#renew(signal));
    });
  }

  /** Says that this term is over, so that the next leader need not wait. Does nothing when it is lost already. */
  release(signal: AbortSignal): Promise<void> {
    return this.#serial.run(async () => {
      if (this.#lost.signal.aborted) return;
      const message = leaseMessage({ ...this.#record, isReleased: true });
      await this.#fenced(signal, (expect) => publishMessage(this.#connection, message, { expect, signal }));
      this.#lost.abort(new StoreError("lease-lost", "this leader stepped down"));
    });
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const message = leaseMessage(this.#record);
    this.#sequence = await this.#fenced(signal, (expect) =>
      publishMessage(this.#connection, message, { expect, signal }),
    );
    this.#renewedAtMs = performance.now();
  }

  /** Runs a conditional write; settles what is unknown before and after it. */
  async #fenced(signal: AbortSignal, write: ConditionalWrite): Promise<number> {
    this.#lost.signal.throwIfAborted();
    if (this.#isUnsure) await this.#settle(signal);
    try {
      return await this.#attempt(write);
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== "conflict") throw error;
      await this.#adoptOrLose(signal, error);
      return this.#attempt(write);
    }
  }

  async #attempt(write: ConditionalWrite): Promise<number> {
    try {
      return await write({ subject: LEASE_SUBJECT, sequence: this.#sequence });
    } catch (error) {
      // Refused for its condition is known; everything else, an abort included, may have been stored.
      if (!(error instanceof StoreError) || error.code !== "conflict") this.#isUnsure = true;
      throw error;
    }
  }

  /** After an unknown outcome: what is on its way must not be accepted any more, so the lease moves on. */
  async #settle(signal: AbortSignal): Promise<void> {
    await this.#adoptOrLose(signal, undefined);
    const message = leaseMessage(this.#record);
    const expect = { subject: LEASE_SUBJECT, sequence: this.#sequence };
    this.#sequence = await publishMessage(this.#connection, message, { expect, signal });
    this.#renewedAtMs = performance.now();
    this.#isUnsure = false;
  }

  /** A renewal of ours whose answer was lost moved the lease; anybody else's message ends the term. */
  async #adoptOrLose(signal: AbortSignal, cause: unknown): Promise<void> {
    const where = { stream: STATE_STREAM, subject: LEASE_SUBJECT };
    const found = await readNewest(this.#connection, where, signal);
    const record = found === undefined ? undefined : parseLease(found.data);
    if (found === undefined || record?.term !== this.#record.term || record.isReleased) {
      const by = record === undefined ? "" : ` by ${record.holder}`;
      const error = new StoreError("lease-lost", `the leader's lease was taken over${by}`, { cause });
      this.#lost.abort(error);
      throw error;
    }
    if (found.sequence === this.#sequence && cause !== undefined) {
      throw new StoreError("unavailable", "the server refused a write although the lease is as expected", { cause });
    }
    this.#sequence = found.sequence;
  }
}

type ConditionalWrite = (expect: Expectation) => Promise<number>;
