import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { join, normalize } from "node:path";
import ssh2, { type Connection, type ServerChannel } from "ssh2";
import { gitEnvironment } from "./run-git.ts";

/** A key pair as `ssh-keygen` makes it. */
export interface SshKey {
  /** OpenSSH's own format. */
  readonly privateKey: string;
  /** One line: type and key. */
  readonly publicKey: string;
  /** `SHA256:…`, as ssh shows it. */
  readonly fingerprint: string;
}

export function createSshKey(options: { readonly passphrase?: string } = {}): SshKey {
  const { passphrase } = options;
  const pair = ssh2.utils.generateKeyPairSync(
    "ed25519",
    passphrase === undefined ? {} : { passphrase, cipher: "aes256-ctr", rounds: 4 },
  );
  const publicKey = pair.public.split(" ").slice(0, 2).join(" ");
  const hash = createHash("sha256").update(Buffer.from(publicKey.split(" ")[1] ?? "", "base64"));
  return { privateKey: pair.private, publicKey, fingerprint: `SHA256:${hash.digest("base64").replace(/=+$/, "")}` };
}

export interface SshGitServerOptions {
  /** The folder with the bare repositories: `name.git`. */
  readonly root: string;
  readonly hostKey: SshKey;
  /** Public keys that may read; changed in place by tests. */
  readonly authorized: ReadonlySet<string>;
  /** 0 or none: the system chooses. */
  readonly port?: number;
  /** Answers `git-lfs-authenticate PATH download`; without it the command is unknown. */
  readonly lfsAuthenticate?: (path: string) => object;
}

/**
 * Git over SSH on loopback: the protocol spoken by a server in this process, so that host keys and refusals can be chosen, the
 * repositories by git's own `upload-pack`. Clients log in as `git` with a key.
 */
export class SshGitServer implements AsyncDisposable {
  readonly #server: ssh2.Server;
  readonly #options: SshGitServerOptions;
  readonly #clients = new Set<Connection>();
  /** Commands as clients sent them, oldest first. */
  readonly commands: string[] = [];

  private constructor(options: SshGitServerOptions) {
    this.#options = options;
    this.#server = new ssh2.Server({ hostKeys: [options.hostKey.privateKey] }, (client) => this.#serve(client));
  }

  static async start(options: SshGitServerOptions): Promise<SshGitServer> {
    const server = new SshGitServer(options);
    await new Promise<void>((resolve, reject) => {
      server.#server.once("error", reject);
      server.#server.listen(options.port ?? 0, "127.0.0.1", resolve);
    });
    return server;
  }

  get port(): number {
    const address: unknown = this.#server.address();
    return typeof address === "object" && address !== null && "port" in address ? Number(address.port) : 0;
  }

  /** `ssh://git@127.0.0.1:port/name.git` */
  url(name: string): string {
    return `ssh://git@127.0.0.1:${this.port}/${name}.git`;
  }

  /** The line a client needs to know this server by. */
  get knownHosts(): string {
    return `[127.0.0.1]:${this.port} ${this.#options.hostKey.publicKey}\n`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    for (const client of this.#clients) client.end();
    await closed;
  }

  #serve(client: Connection): void {
    this.#clients.add(client);
    client.on("close", () => this.#clients.delete(client));
    // A client that does not like our key hangs up in the middle: not news.
    client.on("error", () => undefined);
    client.on("authentication", (context) => {
      if (context.method !== "publickey" || context.username !== "git") {
        context.reject(["publickey"]);
        return;
      }
      const publicKey = `${context.key.algo} ${context.key.data.toString("base64")}`;
      if (!this.#options.authorized.has(publicKey)) context.reject(["publickey"]);
      else if (context.signature === undefined || context.blob === undefined) context.accept();
      else {
        const key = ssh2.utils.parseKey(publicKey);
        const proven =
          !(key instanceof Error) && key.verify(context.blob, context.signature, context.hashAlgo) === true;
        if (proven) context.accept();
        else context.reject(["publickey"]);
      }
    });
    client.on("session", (accept) => {
      const session = accept();
      const env: Record<string, string> = {};
      session.on("env", (acceptEnv: (() => void) | undefined, _reject, info) => {
        if (info.key === "GIT_PROTOCOL") env["GIT_PROTOCOL"] = info.val;
        acceptEnv?.();
      });
      session.on("exec", (acceptExec, _reject, info) => {
        this.commands.push(info.command);
        this.#run(info.command, acceptExec(), env);
      });
    });
  }

  #run(command: string, channel: ServerChannel, env: Readonly<Record<string, string>>): void {
    const [, program = "", quoted = ""] = /^(git-upload-pack|git-lfs-authenticate) (.+)$/.exec(command) ?? [];
    if (program === "git-lfs-authenticate") {
      const [, path = ""] = /^'?\/?([^' ]+)'? download$/.exec(quoted) ?? [];
      if (this.#options.lfsAuthenticate === undefined) fail(channel, "git-lfs-authenticate: command not found", 127);
      else {
        channel.write(JSON.stringify(this.#options.lfsAuthenticate(path)));
        channel.exit(0);
        channel.end();
      }
      return;
    }
    const path = /^'?\/?([^']+?)'?$/.exec(quoted)?.[1];
    if (program === "" || path === undefined || normalize(path).startsWith("..")) {
      fail(channel, `not allowed: ${command}`, 128);
      return;
    }
    const backend = spawn(
      "git",
      ["-c", "safe.directory=*", "upload-pack", "--strict", join(this.#options.root, path)],
      {
        env: { ...gitEnvironment(), ...env },
        stdio: ["pipe", "pipe", "pipe"],
      },
    );
    backend.stdin.on("error", () => undefined);
    channel.pipe(backend.stdin);
    backend.stdout.pipe(channel, { end: false });
    backend.stderr.pipe(channel.stderr, { end: false });
    channel.on("close", () => backend.kill());
    backend.once("close", (code) => {
      channel.exit(code ?? 1);
      channel.end();
    });
  }
}

function fail(channel: ServerChannel, message: string, code: number): void {
  channel.stderr.write(`${message}\n`);
  channel.exit(code);
  channel.end();
}
