import { JetStreamApiError } from "@nats-io/jetstream";
import type { ApiError } from "@nats-io/jetstream";
import { headers as newHeaders, nuid } from "@nats-io/transport-node";
import type { Msg, MsgHdrs, NatsConnection } from "@nats-io/transport-node";
import { race } from "@axle/runtime/deadline.ts";
import { REQUEST_TIMEOUT_MS } from "./connect.ts";
import { StoreError } from "./store-error.ts";

export interface OutgoingMessage {
  readonly subject: string;
  readonly payload: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The condition of a write: the newest message of `subject` still has this sequence (0: there is none). */
export interface Expectation {
  readonly subject: string;
  readonly sequence: number;
}

/** The most messages the server takes in one atomic batch. */
export const LARGEST_BATCH = 1_000;

/** Headers of a message that says its key is gone. */
export const GONE_HEADERS = { "Axle-Gone": "1" } as const;

interface PublishAck {
  readonly seq: number;
  readonly count?: number;
}

/**
 * Stores one message; resolves with its sequence once it is durable. Throws StoreError `conflict` when the expectation
 * does not hold; `timeout` and `unavailable` leave open whether it was stored.
 */
export async function publishMessage(
  nc: NatsConnection,
  message: OutgoingMessage,
  options: { readonly expect?: Expectation; readonly signal: AbortSignal },
): Promise<number> {
  const head = headersOf(message, options.expect);
  const ack = await request(nc, { message, head, signal: options.signal });
  return ack.seq;
}

/**
 * Stores up to {@link LARGEST_BATCH} messages all or none, in one round trip, if the expectation holds when the batch is
 * committed. Resolves with the sequence of the last; the others come directly before it. Errors as {@link publishMessage}.
 */
export async function publishBatch(
  nc: NatsConnection,
  messages: readonly OutgoingMessage[],
  options: { readonly expect: Expectation; readonly signal: AbortSignal },
): Promise<number> {
  const { expect, signal } = options;
  const [first] = messages;
  if (first === undefined) throw new StoreError("corrupt", "a batch needs a message");
  if (messages.length === 1) return publishMessage(nc, first, options);
  const id = nuid.next();
  const started = messages.map((message, index) => {
    const isLast = index === messages.length - 1;
    const head = headersOf(message, index === 0 ? expect : undefined);
    head.set("Nats-Batch-Id", id);
    head.set("Nats-Batch-Sequence", String(index + 1));
    if (isLast) head.set("Nats-Batch-Commit", "1");
    if (isLast) return request(nc, { message, head, signal });
    if (index === 0) return request(nc, { message, head, signal, isOpening: true });
    publishPlain(nc, message, head);
    return undefined;
  });
  const [opening, commit] = [started[0], started.at(-1)];
  // What the first was refused for says more than "no such batch" of the last.
  const [, ack] = await Promise.all([opening, commit]);
  if (ack === undefined || ack.count !== messages.length) {
    throw new StoreError("corrupt", `a batch of ${messages.length} was acknowledged as ${ack?.count ?? 0}`);
  }
  return ack.seq;
}

interface PublishRequest {
  readonly message: OutgoingMessage;
  readonly head: MsgHdrs;
  readonly signal: AbortSignal;
  /** The first of a batch is answered with nothing when accepted. */
  readonly isOpening?: boolean;
}

async function request(nc: NatsConnection, publish: PublishRequest): Promise<PublishAck> {
  const { message, head, signal, isOpening = false } = publish;
  const what = `writing ${message.subject}`;
  try {
    signal.throwIfAborted();
    const answer = await race(
      nc.request(message.subject, message.payload, { headers: head, timeout: REQUEST_TIMEOUT_MS }),
      signal,
    );
    if (isOpening && answer.data.length === 0) return { seq: 0 };
    return parseAck(answer);
  } catch (error) {
    if (signal.aborted) throw error;
    throw StoreError.from(error, what);
  }
}

function publishPlain(nc: NatsConnection, message: OutgoingMessage, head: MsgHdrs): void {
  try {
    nc.publish(message.subject, message.payload, { headers: head });
  } catch (error) {
    throw StoreError.from(error, `writing ${message.subject}`);
  }
}

function parseAck(answer: Msg): PublishAck {
  const body = answer.json<{ error?: ApiError; seq?: number; count?: number }>();
  if (body.error !== undefined) throw new JetStreamApiError(body.error);
  if (typeof body.seq !== "number") throw new StoreError("corrupt", "the server's acknowledgement has no sequence");
  return { seq: body.seq, ...(body.count === undefined ? {} : { count: body.count }) };
}

function headersOf(message: OutgoingMessage, expect: Expectation | undefined): MsgHdrs {
  const head = newHeaders();
  for (const [name, value] of Object.entries(message.headers ?? {})) head.set(name, value);
  if (expect !== undefined) {
    head.set("Nats-Expected-Last-Subject-Sequence", String(expect.sequence));
    head.set("Nats-Expected-Last-Subject-Sequence-Subject", expect.subject);
  }
  return head;
}
