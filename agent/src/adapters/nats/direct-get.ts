import { race } from "@axle/runtime/deadline.ts";
import type { NatsConnection } from "@nats-io/transport-node";
import { SourceError } from "../../source-error.ts";
import { sourceErrorFrom } from "./nats-error.ts";

export interface StoredMessage {
  readonly data: Uint8Array;
  /** In the stream. */
  readonly sequence: number;
}

export interface DirectGet {
  readonly stream: string;
  /** The newest message on it is read. */
  readonly subject: string;
  readonly timeoutMs: number;
}

/**
 * Reads the newest message of a subject without a consumer, the only way the agent's permissions allow; undefined when
 * there is none. Throws {@link SourceError}.
 */
export async function directGet(
  connection: NatsConnection,
  get: DirectGet,
  signal: AbortSignal,
): Promise<StoredMessage | undefined> {
  const { stream, subject, timeoutMs } = get;
  const what = `reading ${subject}`;
  let answer;
  try {
    const asking = connection.request(`$JS.API.DIRECT.GET.${stream}.${subject}`, "", { timeout: timeoutMs });
    answer = await race(asking, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw sourceErrorFrom(error, what);
  }
  const headers = answer.headers;
  if (headers?.code === 404) return undefined;
  const sequence = Number(headers?.get("Nats-Sequence"));
  if (headers === undefined || headers.code >= 400 || !Number.isSafeInteger(sequence) || sequence < 1) {
    throw new SourceError("failed", `${what} failed: ${headers?.description || "not an answer of a stream"}`);
  }
  // A subject with a wildcard would be answered with the newest of all that match.
  if (headers.get("Nats-Subject") !== subject)
    throw new SourceError("failed", `${what} failed: another subject came back`);
  return { data: answer.data, sequence };
}
