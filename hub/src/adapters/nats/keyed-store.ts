import { Kvm } from "@nats-io/kv";
import type { KV } from "@nats-io/kv";
import type { z } from "zod";
import type { KeyedStore, Versioned } from "../../registry-ports.ts";
import type { HubConnection } from "./hub-connection.ts";
import { publishMessage } from "./publish.ts";
import { listSubjects, readMany, readNewest } from "./read-messages.ts";
import type { StoredMessage } from "./read-messages.ts";
import { StoreError } from "./store-error.ts";
import { bucketStream, checkToken } from "./subjects.ts";
import type { Bucket } from "./subjects.ts";

const OPERATION_HEADER = "KV-Operation";

/**
 * A typed table over a key-value bucket, in the form every NATS client reads. Single reads come from the stream's leader,
 * so that what is compared and set is the newest; values are checked when read (StoreError `corrupt`).
 */
export class NatsKeyedStore<T> implements KeyedStore<T> {
  readonly #connection: HubConnection;
  readonly #bucket: Bucket;
  readonly #shape: z.ZodType<T>;

  constructor(connection: HubConnection, bucket: Bucket, shape: z.ZodType<T>) {
    this.#connection = connection;
    this.#bucket = bucket;
    this.#shape = shape;
  }

  async get(key: string, signal: AbortSignal): Promise<Versioned<T> | undefined> {
    const found = await this.#newest(key, signal);
    return found === undefined || isMarker(found) ? undefined : this.#parse(found);
  }

  async list(signal: AbortSignal): Promise<ReadonlyMap<string, Versioned<T>>> {
    const stream = bucketStream(this.#bucket);
    const subjects = await listSubjects(this.#connection, { stream, filter: `$KV.${this.#bucket}.*` }, signal);
    const found = await readMany(this.#connection, { stream, subjects, upTo: 0 }, signal);
    return new Map(
      found
        .filter((message) => !isMarker(message))
        .map((message) => [keyOfSubject(message.subject), this.#parse(message)]),
    );
  }

  async create(key: string, value: T, signal: AbortSignal): Promise<number> {
    try {
      return await this.#write(key, { value, revision: 0 }, signal);
    } catch (error) {
      if (!(error instanceof StoreError && error.code === "conflict")) throw error;
      const found = await this.#newest(key, signal);
      // A deleted key leaves a marker, which a new value may replace.
      if (found !== undefined && isMarker(found))
        return this.#replaceMarker(key, { value, revision: found.sequence }, signal);
      throw new StoreError("exists", `${this.#bucket} has ${key} already`, { cause: error });
    }
  }

  async update(key: string, change: { value: T; revision: number }, signal: AbortSignal): Promise<number> {
    return this.#write(key, change, signal);
  }

  async put(key: string, value: T, signal: AbortSignal): Promise<number> {
    return publishMessage(
      this.#connection,
      { subject: this.#subject(key), payload: JSON.stringify(value) },
      { signal },
    );
  }

  async delete(key: string, signal: AbortSignal): Promise<void> {
    const headers = { [OPERATION_HEADER]: "DEL" };
    await publishMessage(this.#connection, { subject: this.#subject(key), payload: "", headers }, { signal });
  }

  async *watch(signal: AbortSignal): AsyncIterable<{ key: string; value: T | undefined }> {
    signal.throwIfAborted();
    const bucket = await this.#open(signal);
    const entries = await this.#connection.ask(() => bucket.watch(), { what: `watching ${this.#bucket}`, signal });
    const onAbort = () => entries.stop();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      for await (const entry of entries) {
        const isPut = entry.operation === "PUT";
        yield { key: entry.key, value: isPut ? this.#parseValue(entry.key, entry.value) : undefined };
      }
    } catch (error) {
      throw StoreError.from(error, `watching ${this.#bucket}`);
    } finally {
      signal.removeEventListener("abort", onAbort);
      entries.stop();
    }
  }

  #open(signal: AbortSignal): Promise<KV> {
    const open = () => new Kvm(this.#connection.js).open(this.#bucket);
    return this.#connection.ask(open, { what: `opening ${this.#bucket}`, signal });
  }

  #write(key: string, change: { value: T; revision: number }, signal: AbortSignal): Promise<number> {
    const subject = this.#subject(key);
    const expect = { subject, sequence: change.revision };
    return publishMessage(this.#connection, { subject, payload: JSON.stringify(change.value) }, { expect, signal });
  }

  async #replaceMarker(key: string, change: { value: T; revision: number }, signal: AbortSignal): Promise<number> {
    try {
      return await this.#write(key, change, signal);
    } catch (error) {
      if (!(error instanceof StoreError && error.code === "conflict")) throw error;
      throw new StoreError("exists", `${this.#bucket} has ${key} already`, { cause: error });
    }
  }

  #newest(key: string, signal: AbortSignal): Promise<StoredMessage | undefined> {
    const where = { stream: bucketStream(this.#bucket), subject: this.#subject(key) };
    return readNewest(this.#connection, where, signal);
  }

  #subject(key: string): string {
    return `$KV.${this.#bucket}.${checkToken(key)}`;
  }

  #parse(message: StoredMessage): Versioned<T> {
    return { value: this.#parseValue(keyOfSubject(message.subject), message.data), revision: message.sequence };
  }

  #parseValue(key: string, data: Uint8Array): T {
    try {
      return this.#shape.parse(JSON.parse(Buffer.from(data).toString("utf8")));
    } catch (error) {
      throw new StoreError("corrupt", `${this.#bucket}: the value of ${key} is not what it should be`, {
        cause: error,
      });
    }
  }
}

function keyOfSubject(subject: string): string {
  return subject.slice(subject.lastIndexOf(".") + 1);
}

function isMarker(message: StoredMessage): boolean {
  const operation = message.headers?.get(OPERATION_HEADER) ?? "";
  return operation === "DEL" || operation === "PURGE";
}
