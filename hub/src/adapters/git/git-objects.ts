import { spawn, type ChildProcessByStdio } from "node:child_process";
import { createHash } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import { RepositoryError } from "./repository-error.ts";

export interface GitObject {
  readonly oid: string;
  readonly type: string;
  readonly content: Buffer;
}

export interface GitObjectInfo {
  readonly oid: string;
  readonly type: string;
  readonly size: number;
}

interface Request {
  readonly wantsContent: boolean;
  settle(result: GitObject | GitObjectInfo | undefined): void;
  fail(error: Error): void;
}

/** Answered requests that are still in the list. */
const MAX_ANSWERED = 10_000;

type Reader = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * Reads Git objects through one long-lived `git cat-file --batch-command`: a process start costs some milliseconds, a
 * request to a running one a few microseconds. Requests of one turn of the event loop go out together and are answered
 * in order. A name may be an object id or a full ref name; refs are read fresh each time.
 */
export class GitObjects implements AsyncDisposable {
  readonly #directory: string;
  readonly #environment: Record<string, string>;
  #process: Reader | undefined;
  #stderr = "";
  /** Those before `#answered` are answered: taking each off the front of a long list would move all others. */
  #waiting: Request[] = [];
  #answered = 0;
  #unsent = "";
  #rest: Buffer = Buffer.alloc(0);
  #body: { readonly header: GitObjectInfo; readonly chunks: Buffer[]; missing: number } | undefined;

  constructor(directory: string, environment: Record<string, string>) {
    this.#directory = directory;
    this.#environment = environment;
  }

  /** Type and size without the content; undefined when the repository has no such object. */
  async info(name: string): Promise<GitObjectInfo | undefined> {
    return (await this.#ask(`info ${name}`, false)) as GitObjectInfo | undefined;
  }

  /** The object, its content proven against its id; undefined when the repository does not have it. */
  async read(name: string): Promise<GitObject | undefined> {
    const object = (await this.#ask(`contents ${name}`, true)) as GitObject | undefined;
    if (object !== undefined) verify(object);
    return object;
  }

  /** Ends the process; the next request starts another. */
  async [Symbol.asyncDispose](): Promise<void> {
    const running = this.#process;
    if (running === undefined) return;
    const ended = new Promise<void>((resolve) => running.once("close", () => resolve()));
    running.stdin.end();
    running.kill();
    await ended;
  }

  #ask(command: string, wantsContent: boolean): Promise<GitObject | GitObjectInfo | undefined> {
    if (/[\n\0]/.test(command)) throw new RepositoryError("git", "a Git object name holds a line break");
    const { promise, resolve, reject } = Promise.withResolvers<GitObject | GitObjectInfo | undefined>();
    const process = (this.#process ??= this.#start());
    this.#waiting.push({ wantsContent, settle: resolve, fail: reject });
    if (this.#unsent === "") queueMicrotask(() => this.#send(process));
    this.#unsent += `${command}\n`;
    return promise;
  }

  #send(process: Reader): void {
    const commands = this.#unsent;
    this.#unsent = "";
    if (process === this.#process) process.stdin.write(`${commands}flush\n`);
  }

  #start(): Reader {
    const child = spawn("git", ["--git-dir", this.#directory, "cat-file", "--batch-command", "--buffer"], {
      cwd: this.#directory,
      env: this.#environment,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#stderr = "";
    child.stdout.on("data", (chunk: Buffer) => this.#receive(chunk));
    child.stderr.on("data", (chunk: Buffer) => (this.#stderr = (this.#stderr + chunk.toString()).slice(-2000)));
    child.stdin.on("error", () => child.kill());
    child.once("error", (cause) => this.#end(child, cause));
    child.once("close", () => this.#end(child, undefined));
    return child;
  }

  #end(child: Reader, cause: Error | undefined): void {
    if (this.#process !== child) return;
    this.#process = undefined;
    this.#rest = Buffer.alloc(0);
    this.#body = undefined;
    this.#unsent = "";
    const failed = this.#waiting.slice(this.#answered);
    this.#waiting = [];
    this.#answered = 0;
    const words = this.#stderr.trim() || cause?.message || "the process ended";
    const code = cause === undefined ? "corrupt" : "git";
    for (const request of failed) {
      request.fail(new RepositoryError(code, `cannot read the mirror: ${words}`, { cause }));
    }
  }

  #takeFirst(): Request | undefined {
    const first = this.#waiting[this.#answered];
    this.#answered += 1;
    if (this.#answered >= this.#waiting.length || this.#answered >= MAX_ANSWERED) {
      this.#waiting.splice(0, this.#answered);
      this.#answered = 0;
    }
    return first;
  }

  #receive(chunk: Buffer): void {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (data.length > 0) {
      const rest: Buffer | undefined = this.#body === undefined ? this.#readHeader(data) : this.#readBody(data);
      if (rest === undefined) break;
      data = rest;
    }
    this.#rest = data;
  }

  /** Takes one header line; undefined when it is not whole yet. */
  #readHeader(data: Buffer): Buffer | undefined {
    const end = data.indexOf(0x0a);
    if (end < 0) return undefined;
    const [oid = "", type = "", size = ""] = data.toString("utf8", 0, end).split(" ");
    const request = this.#waiting[this.#answered];
    if (request === undefined) return data.subarray(end + 1);
    if (type === "" || type === "missing" || type === "ambiguous" || size === "") {
      this.#takeFirst();
      request.settle(undefined);
    } else {
      const header = { oid, type, size: Number(size) };
      if (request.wantsContent) this.#body = { header, chunks: [], missing: header.size + 1 };
      else {
        this.#takeFirst();
        request.settle(header);
      }
    }
    return data.subarray(end + 1);
  }

  /** Takes content and the line break after it. */
  #readBody(data: Buffer): Buffer {
    const body = this.#body;
    if (body === undefined) return data;
    const taken = data.subarray(0, body.missing);
    body.chunks.push(taken);
    body.missing -= taken.length;
    if (body.missing === 0) {
      this.#body = undefined;
      const { oid, type, size } = body.header;
      this.#takeFirst()?.settle({ oid, type, content: Buffer.concat(body.chunks).subarray(0, size) });
    }
    return data.subarray(taken.length);
  }
}

/** Git does not check ids when it reads from a pack; what clusters will run should be what the commit names. */
function verify(object: GitObject): void {
  const hash = createHash(object.oid.length === 64 ? "sha256" : "sha1");
  const found = hash.update(`${object.type} ${object.content.length}\0`).update(object.content).digest("hex");
  if (found !== object.oid) {
    throw new RepositoryError("corrupt", `the mirror is damaged: object ${object.oid} reads as ${found}`);
  }
}
