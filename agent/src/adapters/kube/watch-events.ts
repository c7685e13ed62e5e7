import type { Readable } from "node:stream";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeError, errorOfAnswer } from "./kube-error.ts";

export type WatchEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: KubeObject }
  /** Nothing happened up to this version. */
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

/** A line longer than any object may be: not a watch. */
const LONGEST_LINE_BYTES = 16 * 1024 * 1024;

/** One JSON event a line. An ERROR event is thrown as the KubeError it carries (`gone` when the version is too old). */
export async function* readWatchEvents(message: Readable): AsyncGenerator<WatchEvent> {
  try {
    for await (const line of readLines(message)) {
      const event = parseEvent(line);
      if (event !== undefined) yield event;
    }
  } catch (error) {
    throw KubeError.from(error);
  } finally {
    message.destroy();
  }
}

async function* readLines(message: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const chunk of message) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      held.push(chunk.subarray(start, end));
      yield Buffer.concat(held).toString("utf8");
      held = [];
      heldBytes = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      held.push(chunk.subarray(start));
      heldBytes += chunk.length - start;
      if (heldBytes > LONGEST_LINE_BYTES) throw new KubeError("response", "a watch event is too large");
    }
  }
}

function parseEvent(line: string): WatchEvent | undefined {
  if (line === "") return undefined;
  const value: { type?: string; object?: KubeObject } = JSON.parse(line);
  const { type = "", object } = value;
  if (object === undefined) throw new KubeError("response", "a watch event carries no object");
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      return { type, object };
    case "BOOKMARK":
      return { type, resourceVersion: bookmarkOf(object) };
    case "ERROR":
      throw errorOfAnswer(Number(object["code"] ?? 500), JSON.stringify(object));
    default:
      return undefined;
  }
}

function bookmarkOf(object: KubeObject): string {
  const version = object.metadata["resourceVersion"];
  if (typeof version === "string") return version;
  throw new KubeError("response", "a bookmark carries no resource version");
}
