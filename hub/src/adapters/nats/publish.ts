import { JetStreamApiError } from "@nats-io/jetstream";
import type { ApiError } from "@nats-io/jetstream";
import { headers as newHeaders, nuid } from "@nats-io/transport-node";
import type { Msg, MsgHdrs } from "@nats-io/transport-node";
import { REQUEST_TIMEOUT_MS } from "./hub-connection.ts";
import type { HubConnection } from "./hub-connection.ts";
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

/** The most messages the server takes in one atomic batch, and the most bytes we have under way at once. */
const LARGEST_BATCH = 1_000;
const LARGEST_BATCH_BYTES = 16 * 1_024 * 1_024;

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
  connection: HubConnection,
  message: OutgoingMessage,
  options: { readonly expect?: Expectation; readonly signal: AbortSignal },
): Promise<number> {
  checkSizes([message], connection.nc.info?.max_payload);
  const head = headersOf(message, options.expect);
  const send = async () => parseAck(await requestWith(connection, message, head));
  const ack = await connection.ask(send, { what: `writing ${message.subject}`, signal: options.signal });
  return ack.seq;
}

/** Messages in their order, cut where a batch would have more than 1,000 or become too many bytes. */
export function batchesOf(messages: readonly OutgoingMessage[]): readonly (readonly OutgoingMessage[])[] {
  const batches: OutgoingMessage[][] = [];
  let bytes = 0;
  for (const message of messages) {
    const current = batches.at(-1);
    const size = Buffer.byteLength(message.payload);
    if (current === undefined || current.length === LARGEST_BATCH || bytes + size > LARGEST_BATCH_BYTES) {
      batches.push([message]);
      bytes = size;
    } else {
      current.push(message);
      bytes += size;
    }
  }
  return batches;
}

/**
 * Stores messages of one batch (see {@link batchesOf}) all or none, in one round trip, if the expectation holds when the batch is
 * committed. Resolves with the sequence of the last; the others come directly before it. Errors as {@link publishMessage}.
 */
export async function publishBatch(
  connection: HubConnection,
  messages: readonly OutgoingMessage[],
  options: { readonly expect: Expectation; readonly signal: AbortSignal },
): Promise<number> {
  const [first] = messages;
  if (first === undefined) throw new StoreError("corrupt", "a batch needs a message");
  if (messages.length === 1) return publishMessage(connection, first, options);
  const what = `writing ${messages.length} messages from ${first.subject} on`;
  const send = () => sendBatch(connection, messages, options.expect);
  const ack = await connection.ask(send, { what, signal: options.signal });
  if (ack.count !== messages.length) {
    throw new StoreError("corrupt", `a batch of ${messages.length} was acknowledged as ${ack.count ?? 0}`);
  }
  return ack.seq;
}

/** Sends all at once: the first and the last are answered, in between only errors would be. */
async function sendBatch(
  connection: HubConnection,
  messages: readonly OutgoingMessage[],
  expect: Expectation,
): Promise<PublishAck> {
  checkSizes(messages, connection.nc.info?.max_payload);
  const id = nuid.next();
  const answers: Promise<Msg>[] = [];
  for (const [index, message] of messages.entries()) {
    const isLast = index === messages.length - 1;
    const head = headersOf(message, index === 0 ? expect : undefined);
    head.set("Nats-Batch-Id", id);
    head.set("Nats-Batch-Sequence", String(index + 1));
    if (isLast) head.set("Nats-Batch-Commit", "1");
    if (index === 0 || isLast) answers.push(requestWith(connection, message, head));
    else connection.nc.publish(message.subject, message.payload, { headers: head });
  }
  // What the first is refused for says more than "no such batch" of the last. An empty answer is a yes.
  const opening = answers[0]?.then((answer) => (answer.data.length === 0 ? undefined : parseAck(answer)));
  const [, commit] = await Promise.all([opening, answers[1]]);
  return parseAck(commit);
}

/** Before anything is sent: a batch that breaks off is only noticed when it times out. */
function checkSizes(messages: readonly OutgoingMessage[], largestBytes = 1_024 * 1_024): void {
  for (const { subject, payload } of messages) {
    // Headers take some of it too.
    const bytes = Buffer.byteLength(payload) + 1_024;
    if (bytes > largestBytes)
      throw new StoreError("too-large", `${subject}: ${bytes} bytes, the server takes ${largestBytes}`);
  }
}

async function requestWith(connection: HubConnection, message: OutgoingMessage, head: MsgHdrs): Promise<Msg> {
  return connection.nc.request(message.subject, message.payload, { headers: head, timeout: REQUEST_TIMEOUT_MS });
}

function parseAck(answer: Msg | undefined): PublishAck {
  const body = answer?.json<{ error?: ApiError; seq?: number; count?: number }>() ?? {};
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
