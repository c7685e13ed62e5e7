import { createInbox } from "@nats-io/transport-node";
import type { Msg, MsgHdrs } from "@nats-io/transport-node";
import { withDeadline } from "@axle/runtime/deadline.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import { REQUEST_TIMEOUT_MS } from "./hub-connection.ts";
import type { HubConnection } from "./hub-connection.ts";
import { StoreError } from "./store-error.ts";

export interface StoredMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly atMs: number;
  readonly data: Uint8Array;
  readonly headers: MsgHdrs | undefined;
}

/** The server answers one request for the newest of at most so many subjects. */
const LARGEST_READ = 1_000;

/** The newest message of a subject, from the stream's leader; undefined when there is none. Throws {@link StoreError}. */
export async function readNewest(
  connection: HubConnection,
  where: { readonly stream: string; readonly subject: string },
  signal: AbortSignal,
): Promise<StoredMessage | undefined> {
  const { stream, subject } = where;
  const read = () => connection.jsm.streams.getMessage(stream, { last_by_subj: subject });
  const found = await connection.ask(read, { what: `reading ${subject}`, signal });
  if (found === null) return undefined;
  const { seq: sequence, time, data, header: headers } = found;
  return { subject: found.subject, sequence, atMs: time.getTime(), data, headers };
}

/** Subjects of a stream that match a filter, from the stream's leader. Throws {@link StoreError}. */
export async function listSubjects(
  connection: HubConnection,
  where: { readonly stream: string; readonly filter: string },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const list = () => connection.jsm.streams.info(where.stream, { subjects_filter: where.filter });
  const info = await connection.ask(list, { what: `listing ${where.filter}`, signal });
  return Object.keys(info.state.subjects ?? {});
}

/**
 * Removes what a filter matches, up to a sequence: what was written since then stays, whoever wrote it. Throws
 * {@link StoreError}.
 */
export async function purgeUpTo(
  connection: HubConnection,
  what: { readonly stream: string; readonly filter: string; readonly sequence: number },
  signal: AbortSignal,
): Promise<void> {
  const purge = () => connection.jsm.streams.purge(what.stream, { filter: what.filter, seq: what.sequence + 1 });
  await connection.ask(purge, { what: `removing ${what.filter}`, signal });
}

/**
 * The newest messages of many subjects. Read in bulk by direct get, which any replica may answer, so each answer must
 * reach at least to `upTo` (the sequence of something the caller knows to be written); one that does not is asked for
 * again. Subjects that have no message are left out. Throws {@link StoreError}.
 */
export async function readMany(
  connection: HubConnection,
  where: { readonly stream: string; readonly subjects: readonly string[]; readonly upTo: number },
  signal: AbortSignal,
): Promise<readonly StoredMessage[]> {
  const found: StoredMessage[] = [];
  for (let start = 0; start < where.subjects.length; start += LARGEST_READ) {
    const subjects = where.subjects.slice(start, start + LARGEST_READ);
    found.push(...(await readChunk(connection, { ...where, subjects }, signal)));
  }
  return found;
}

interface ChunkRequest {
  readonly stream: string;
  readonly subjects: readonly string[];
  readonly upTo: number;
}

async function readChunk(
  connection: HubConnection,
  chunk: ChunkRequest,
  signal: AbortSignal,
): Promise<StoredMessage[]> {
  return withDeadline({ timeoutMs: 30_000, signal, what: `reading ${chunk.stream}` }, async (deadline) => {
    while (true) {
      const found: StoredMessage[] = [];
      let from = 1;
      let answer = await readOnce(connection, { ...chunk, from }, deadline);
      found.push(...answer.messages);
      // The server ends an answer early when it becomes too many bytes.
      while (answer.pending > 0 && answer.messages.length > 0) {
        from = (answer.messages.at(-1)?.sequence ?? 0) + 1;
        answer = await readOnce(connection, { ...chunk, from }, deadline);
        found.push(...answer.messages);
      }
      if (answer.upTo >= chunk.upTo) return found;
      await sleep(20, deadline);
    }
  }).catch((error: unknown) => {
    if (signal.aborted) throw error;
    throw StoreError.from(error, `reading ${chunk.stream}`);
  });
}

interface Answer {
  readonly messages: StoredMessage[];
  readonly pending: number;
  /** Everything of the stream up to this sequence was seen. */
  readonly upTo: number;
}

function readOnce(
  connection: HubConnection,
  chunk: ChunkRequest & { readonly from: number },
  signal: AbortSignal,
): Promise<Answer> {
  const { nc } = connection;
  const messages: StoredMessage[] = [];
  const result = Promise.withResolvers<Answer>();
  const inbox = createInbox();
  const subscription = nc.subscribe(inbox, {
    callback: (error, message) => {
      if (error !== null) return result.reject(error);
      const code = message.headers?.code ?? 0;
      if (code === 0) messages.push(storedMessageOf(message));
      else if (code === 204) result.resolve(endOf(message, messages));
      else if (code === 404) result.resolve({ messages: [], pending: 0, upTo: Number.POSITIVE_INFINITY });
      else result.reject(new StoreError("unavailable", `the server answered ${code} ${message.headers?.description}`));
    },
  });
  const request = JSON.stringify({ multi_last: chunk.subjects, seq: chunk.from });
  const send = () => {
    nc.publish(`$JS.API.DIRECT.GET.${chunk.stream}`, request, { reply: inbox });
    return result.promise;
  };
  const what = `reading ${chunk.stream}`;
  return withDeadline({ timeoutMs: REQUEST_TIMEOUT_MS, signal, what }, (deadline) =>
    connection.ask(send, { what, signal: deadline }),
  ).finally(() => subscription.unsubscribe());
}

function endOf(message: Msg, messages: StoredMessage[]): Answer {
  const number = (name: string) => Number(message.headers?.get(name) ?? "0");
  return { messages, pending: number("Nats-Num-Pending"), upTo: number("Nats-UpTo-Sequence") };
}

function storedMessageOf(message: Msg): StoredMessage {
  const { headers } = message;
  return {
    subject: headers?.get("Nats-Subject") ?? "",
    sequence: Number(headers?.get("Nats-Sequence") ?? "0"),
    atMs: Date.parse(headers?.get("Nats-Time-Stamp") ?? ""),
    data: message.data,
    headers,
  };
}
