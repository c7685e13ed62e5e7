import { spawn } from "node:child_process";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { gitEnvironment } from "./run-git.ts";

export interface BackendRequest {
  /** The folder with the bare repositories. */
  readonly root: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Further environment, which the repository's hooks see too. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Answers one request with git's own smart HTTP server, a CGI program. The response's headers and body are written but the
 * response is not ended, so the caller can act on a push before the client sees that it is over.
 */
export async function runGitHttpBackend(call: BackendRequest): Promise<void> {
  const { request, response } = call;
  const url = new URL(request.url ?? "/", "http://localhost");
  const header = (name: string): string => String(request.headers[name] ?? "");
  const backend = spawn("git", ["http-backend"], {
    env: {
      ...gitEnvironment(),
      GIT_PROTOCOL: header("git-protocol"),
      ...call.env,
      GIT_PROJECT_ROOT: call.root,
      GIT_HTTP_EXPORT_ALL: "1",
      REQUEST_METHOD: request.method ?? "GET",
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REMOTE_ADDR: "127.0.0.1",
      REMOTE_USER: "test",
      CONTENT_TYPE: header("content-type"),
      HTTP_CONTENT_ENCODING: header("content-encoding"),
      // Left out for a chunked body, which it then reads to the end.
      ...(request.headers["content-length"] === undefined ? {} : { CONTENT_LENGTH: header("content-length") }),
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  const ended = new Promise<void>((resolve, reject) => {
    backend.once("error", reject);
    backend.once("close", () => {
      resolve();
    });
  });
  // A client that goes away in the middle, or a backend that refuses early, ends the other side's pipe: not news.
  const fed = pipeline(request, backend.stdin).catch(() => undefined);
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of backend.stdout as AsyncIterable<Buffer>) {
    if (head === undefined) {
      response.write(chunk);
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) continue;
    writeHead(response, head.subarray(0, end).toString("latin1"));
    response.write(head.subarray(end + 4));
    head = undefined;
  }
  await Promise.all([ended, fed]);
  if (head !== undefined) response.writeHead(500);
}

function writeHead(response: ServerResponse, head: string): void {
  const fields = head.split("\r\n").map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  const status = fields.find(([name]) => name.toLowerCase() === "status")?.[1];
  for (const [name, value] of fields) if (name.toLowerCase() !== "status") response.setHeader(name, value);
  response.writeHead(status === undefined ? 200 : Number.parseInt(status, 10));
}
