import { access, constants, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { userInfo } from "node:os";
import { type SupervisedProcess, spawnSupervised } from "@axle/tools/spawn-supervised.ts";
import { withFreePort } from "./free-port.ts";
import type { SshKey } from "./ssh-git-server.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "./temporary-directory.ts";
import { TestkitError } from "./testkit-error.ts";

/** It insists on being called by its whole path. */
const PLACES = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/opt/homebrew/sbin/sshd"];

export interface OpenSshServerOptions {
  /** The folder with the bare repositories: `name.git`. */
  readonly root: string;
  readonly hostKey: SshKey;
  /** Public keys that may read. */
  readonly authorized: readonly string[];
}

/** OpenSSH's own server on loopback, for whoever runs the tests, with git and nothing else behind it. */
export class OpenSshServer implements AsyncDisposable {
  readonly #process: SupervisedProcess;
  readonly #folder: TemporaryDirectory;
  readonly #options: OpenSshServerOptions;
  readonly port: number;

  private constructor(parts: {
    process: SupervisedProcess;
    folder: TemporaryDirectory;
    options: OpenSshServerOptions;
    port: number;
  }) {
    this.#process = parts.process;
    this.#folder = parts.folder;
    this.#options = parts.options;
    this.port = parts.port;
  }

  /** @throws TestkitError when the machine has no sshd; SupervisedProcessError with its last output when it does not start */
  static async start(options: OpenSshServerOptions): Promise<OpenSshServer> {
    const sshd = await findSshd();
    const folder = await createTemporaryDirectory("sshd");
    try {
      await writeFile(join(folder.path, "host_key"), options.hostKey.privateKey, { mode: 0o600 });
      const keys = options.authorized.map(
        (key) => `restrict,command="git-shell -c \\"$SSH_ORIGINAL_COMMAND\\"" ${key}\n`,
      );
      await writeFile(join(folder.path, "authorized_keys"), keys.join(""), { mode: 0o600 });
      // Where it becomes another user before it knows who is there.
      if (userInfo().uid === 0) await mkdir("/run/sshd", { recursive: true });
      return await withFreePort(async (port) => {
        const config = join(folder.path, "sshd_config");
        await writeFile(config, configOf(folder.path, port));
        const process = await spawnSupervised(sshd, ["-D", "-e", "-f", config], { name: "sshd" });
        try {
          await process.waitForLine(/Server listening on/);
        } catch (error) {
          await process.stop();
          throw error;
        }
        return new OpenSshServer({ process, folder, options, port });
      });
    } catch (error) {
      await folder[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `ssh://user@127.0.0.1:port/…/name.git` */
  url(name: string): string {
    return `${this.origin}${this.#options.root}/${name}.git`;
  }

  get origin(): string {
    return `ssh://${userInfo().username}@127.0.0.1:${this.port}`;
  }

  /** The line a client needs to know this server by. */
  get knownHosts(): string {
    return `[127.0.0.1]:${this.port} ${this.#options.hostKey.publicKey}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
    await this.#folder[Symbol.asyncDispose]();
  }
}

async function findSshd(): Promise<string> {
  for (const path of PLACES) {
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  throw new TestkitError("start-failed", `no sshd at ${PLACES.join(", ")}; install OpenSSH's server (openssh-server)`);
}

function configOf(folder: string, port: number): string {
  return [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${join(folder, "host_key")}`,
    `AuthorizedKeysFile ${join(folder, "authorized_keys")}`,
    "AcceptEnv GIT_PROTOCOL",
    "PidFile none",
    "UsePAM no",
    "StrictModes no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    "",
  ].join("\n");
}
