import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { Checkout } from "./checkout.ts";
import { eventually } from "./eventually.ts";
import { runGitHttpBackend } from "./git-http-backend.ts";
import type { LoopbackCertificate } from "./loopback-certificate.ts";
import { deliverPush, preciseNow, type PushRecord, type Webhook } from "./push-hook.ts";
import { runGit } from "./run-git.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "./temporary-directory.ts";

export interface GitServerOptions {
  /** Told of every push to any repository here. */
  readonly webhook?: Webhook;
  /** Serves https with this certificate. */
  readonly tls?: Pick<LoopbackCertificate, "certificatePem" | "keyPem">;
  /** Asked before each call to Git; everybody may do everything when left out. */
  readonly admit?: Admit;
  /** 0: speaks only the first version of the protocol, as old servers do. */
  readonly protocol?: 0;
  /** Other things this server answers to, asked in order before Git; true: answered. */
  readonly routes?: readonly HttpRoute[];
}

/** Gives the status of an answer that refuses a call, or undefined to let it in. */
export type Admit = (call: {
  readonly repository: string;
  readonly authorization: string | undefined;
}) => 401 | 403 | 404 | undefined;

export type HttpRoute = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

export interface GitRepository {
  readonly name: string;
  /** To clone from and push to, over HTTP, for those who are let in. */
  readonly url: string;
  /** The bare repository on disk. */
  readonly directory: string;
  /** A working copy in `directory`, or in a fresh folder of the server's; past the server where it asks who calls. */
  clone(directory?: string): Promise<Checkout>;
}

/**
 * Git over smart HTTP on loopback: bare repositories served by git's own `http-backend`, so `git push` is real.
 * A push that was taken is told to the webhook the moment the repository's post-receive hook has run, before the client's
 * `git push` returns; the client does not wait for the answer.
 */
export class GitServer implements AsyncDisposable {
  readonly #directory: TemporaryDirectory;
  readonly #server: Server;
  readonly #options: GitServerOptions;
  readonly #deliveries = new Set<Promise<void>>();
  readonly #pushes: PushRecord[] = [];
  #webhook: Webhook | undefined;
  #counter = 0;

  private constructor(directory: TemporaryDirectory, options: GitServerOptions) {
    this.#directory = directory;
    this.#webhook = options.webhook;
    this.#options = options;
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      void this.#answer(request, response);
    };
    const { tls } = options;
    this.#server =
      tls === undefined
        ? createServer(listener)
        : createTlsServer({ cert: tls.certificatePem, key: tls.keyPem }, listener);
  }

  static async start(options: GitServerOptions = {}): Promise<GitServer> {
    const directory = await createTemporaryDirectory("git");
    await mkdir(join(directory.path, "repositories"));
    const server = new GitServer(directory, options);
    await new Promise<void>((resolve, reject) => {
      server.#server.once("error", reject);
      server.#server.listen(0, "127.0.0.1", resolve);
    });
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** `https://127.0.0.1:port`, without a slash at the end. */
  get origin(): string {
    return `${this.#options.tls === undefined ? "http" : "https"}://127.0.0.1:${this.port}`;
  }

  /** The folder with the bare repositories, for servers of other protocols beside this one. */
  get root(): string {
    return join(this.#directory.path, "repositories");
  }

  /** Every ref that was moved by a push, oldest first. */
  get pushes(): readonly PushRecord[] {
    return this.#pushes;
  }

  /** Tells pushes to another place from now on, or to nobody. */
  setWebhook(webhook: Webhook | undefined): void {
    this.#webhook = webhook;
  }

  /** Makes an empty bare repository whose branch is `main`. */
  async createRepository(name: string): Promise<GitRepository> {
    const { root } = this;
    const directory = join(root, `${name}.git`);
    await mkdir(dirname(directory), { recursive: true });
    await runGit(root, ["init", "--quiet", "--bare", "--initial-branch=main", directory]);
    // What hosting services allow: fetching any commit by its id, and partial clones.
    await runGit(directory, ["config", "uploadpack.allowAnySHA1InWant", "true"]);
    await runGit(directory, ["config", "uploadpack.allowFilter", "true"]);
    await runGit(directory, ["config", "gc.auto", "0"]);
    const hook = `#!/bin/sh\n[ -z "$AXLE_PUSH_REPORT" ] || cat >"$AXLE_PUSH_REPORT"\n`;
    await mkdir(join(directory, "hooks"), { recursive: true });
    await writeFile(join(directory, "hooks", "post-receive"), hook, { mode: 0o755 });
    const url = this.#cloneUrl(name);
    const isOpen = this.#options.admit === undefined && this.#options.tls === undefined;
    return {
      name,
      url,
      directory,
      clone: async (target) =>
        await Checkout.clone(
          isOpen ? url : directory,
          target ?? this.#freshPath(`checkout-${name.replaceAll("/", "-")}`),
        ),
    };
  }

  /** Waits until the push of `commit` has been told and answered. @throws TestkitError after the timeout */
  async hookAnswered(commit: string, options: { timeoutMs?: number } = {}): Promise<PushRecord> {
    return await eventually(
      () => this.#pushes.find((push) => push.after === commit && push.hookAnsweredAt !== undefined) ?? false,
      { what: `an answer to the push hook of ${commit}`, ...options },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) {
      await new Promise<void>((resolve) => {
        this.#server.close(() => {
          resolve();
        });
      });
    }
    await Promise.all(this.#deliveries);
    await this.#directory[Symbol.asyncDispose]();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const report = this.#freshPath("push");
    const { root } = this;
    try {
      for (const route of this.#options.routes ?? []) if (await route(request, response)) return;
      if (!this.#lets(request, response)) return;
      const old = this.#options.protocol === 0 ? { GIT_PROTOCOL: "" } : undefined;
      await runGitHttpBackend({ root, request, response, env: { AXLE_PUSH_REPORT: report, ...old } });
      if (request.method === "POST") await this.#tell(request.url ?? "", report);
    } catch {
      response.destroy();
    } finally {
      response.end();
    }
  }

  #lets(request: IncomingMessage, response: ServerResponse): boolean {
    const repository = /^\/(.+?)\.git(\/|$)/.exec(request.url ?? "")?.[1] ?? "";
    const status = this.#options.admit?.({ repository, authorization: request.headers.authorization });
    if (status === undefined) return true;
    response.writeHead(status, status === 401 ? { "www-authenticate": 'Basic realm="test"' } : {});
    return false;
  }

  /** Starts telling what the post-receive hook wrote down; does not wait for the answer. */
  async #tell(path: string, report: string): Promise<void> {
    const receivedAt = preciseNow();
    const moved = await readFile(report, "utf8").catch(() => "");
    await rm(report, { force: true });
    const repository = /^\/(.+)\.git\//.exec(path)?.[1] ?? "";
    for (const line of moved.split("\n").filter((text) => text !== "")) {
      const [before = "", after = "", ref = ""] = line.split(" ");
      const push: PushRecord = { repository, ref, before, after, receivedAt };
      const webhook = this.#webhook;
      const at = this.#pushes.push(push) - 1;
      if (webhook === undefined) continue;
      const sent: PushRecord = { ...push, hookSentAt: preciseNow() };
      this.#pushes[at] = sent;
      const delivery = deliverPush(webhook, push, this.#cloneUrl(repository)).then((hookStatus) => {
        this.#pushes[at] = { ...sent, hookAnsweredAt: preciseNow(), hookStatus };
        this.#deliveries.delete(delivery);
      });
      this.#deliveries.add(delivery);
    }
  }

  #cloneUrl(name: string): string {
    return `${this.origin}/${name}.git`;
  }

  #freshPath(purpose: string): string {
    this.#counter += 1;
    return join(this.#directory.path, `${purpose}-${this.#counter}`);
  }
}
