import { connect } from "node:net";
import { race } from "@axle/runtime/deadline.ts";

/** The line a nats-server sends to whoever connects, before any TLS. */
export interface ServerGreeting {
  readonly server_name: string;
  readonly version: string;
  readonly jetstream?: boolean;
}

/** Reads the greeting; rejects when nothing answers in NATS. */
export async function readGreeting(
  address: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<ServerGreeting> {
  const socket = connect(address);
  const line = new Promise<string>((resolve, reject) => {
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (part: string) => {
      text += part;
      const end = text.indexOf("\r\n");
      if (end >= 0) resolve(text.slice(0, end));
      else if (text.length > 65_536) reject(new Error("no nats-server answers there"));
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the connection was closed without a greeting")));
  });
  try {
    return parseGreeting(await race(line, signal));
  } finally {
    socket.destroy();
  }
}

function parseGreeting(line: string): ServerGreeting {
  if (!line.startsWith("INFO {")) throw new Error("no nats-server answers there");
  return JSON.parse(line.slice("INFO ".length)) as ServerGreeting;
}
