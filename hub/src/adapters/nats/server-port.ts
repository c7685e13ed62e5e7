import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { readJsonFile, writeJsonFile } from "@axle/runtime/json-file.ts";
import type { Logger } from "@axle/runtime/logger.ts";

export interface PortRequest {
  /** Where ports that were chosen are remembered: agents hold the address. */
  readonly file: string;
  readonly host: string;
  /** 0: any free port, the same one after a restart. */
  readonly port: number;
  /** Undefined: none. 0 as above. */
  readonly webSocketPort: number | undefined;
  readonly log: Logger;
}

export interface ServerPorts {
  readonly port: number;
  readonly webSocketPort: number | undefined;
}

/** Settles the ports to listen on. A remembered port that somebody else took meanwhile is replaced, and said so. */
export async function settlePorts(request: PortRequest): Promise<ServerPorts> {
  const known = await readJsonFile(request.file, parsePorts);
  const port = request.port === 0 ? await freePort(request, known?.port) : request.port;
  const webSocketPort =
    request.webSocketPort === 0 ? await freePort(request, known?.webSocketPort) : request.webSocketPort;
  const ports = { port, webSocketPort };
  if (JSON.stringify(ports) !== JSON.stringify(known)) await writeJsonFile(request.file, ports);
  return ports;
}

/** Whether a port can be listened on at this moment. */
export async function isPortFree(at: { readonly host: string; readonly port: number }): Promise<boolean> {
  return (await tryListen(at.host, at.port)) !== undefined;
}

async function freePort(request: PortRequest, remembered: number | undefined): Promise<number> {
  if (remembered !== undefined) {
    const port = await tryListen(request.host, remembered);
    if (port !== undefined) return port;
    request.log.warn(
      { port: remembered },
      "remembered nats port is taken, choosing another; agents learn it on their next session",
    );
  }
  return (await tryListen(request.host, 0)) ?? 0;
}

function tryListen(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ host, port }, () => {
      const chosen = (server.address() as AddressInfo).port;
      server.close(() => resolve(chosen));
    });
  });
}

function parsePorts(value: unknown): ServerPorts {
  const { port, webSocketPort } = value as Partial<Record<keyof ServerPorts, unknown>>;
  if (typeof port !== "number") throw new TypeError("no port");
  return { port, webSocketPort: typeof webSocketPort === "number" ? webSocketPort : undefined };
}
