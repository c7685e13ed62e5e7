import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GitHubAppServer } from "@axle/testkit/github-app-server.ts";
import { GitServer } from "@axle/testkit/git-server.ts";
import { LfsServer } from "@axle/testkit/lfs-server.ts";
import { createLoopbackCertificate, type LoopbackCertificate } from "@axle/testkit/loopback-certificate.ts";
import { createSshKey, SshGitServer, type SshKey } from "@axle/testkit/ssh-git-server.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { Credentials } from "../../credentials/credentials.ts";
import { HttpClient } from "../outbound/http-client.ts";

/**
 * Servers that want to know who calls, for tests: HTTPS with a private authority and tokens, GitHub's API for apps beside it,
 * LFS, and SSH in front of the same repositories. And a file of credentials for them.
 */
export class PrivateServers implements AsyncDisposable {
  readonly scratch: TemporaryDirectory;
  readonly certificate: LoopbackCertificate;
  readonly app: GitHubAppServer;
  readonly lfs: LfsServer;
  readonly git: GitServer;
  readonly ssh: SshGitServer;
  readonly key: SshKey;
  readonly hostKey: SshKey;
  readonly authorized: Set<string>;
  /** `authorization` headers that are let in, changed by tests; installation tokens of the app are too. */
  readonly accepted: Set<string>;
  /** `authorization` of every call to Git over HTTPS. */
  readonly seen: (string | undefined)[];
  readonly #http = new HttpClient({ environment: {} });
  #counter = 0;

  private constructor(parts: Omit<PrivateServers, "credentials" | "folder" | typeof Symbol.asyncDispose>) {
    this.scratch = parts.scratch;
    this.certificate = parts.certificate;
    this.app = parts.app;
    this.lfs = parts.lfs;
    this.git = parts.git;
    this.ssh = parts.ssh;
    this.key = parts.key;
    this.hostKey = parts.hostKey;
    this.authorized = parts.authorized;
    this.accepted = parts.accepted;
    this.seen = parts.seen;
  }

  static async start(): Promise<PrivateServers> {
    const scratch = await createTemporaryDirectory("private-servers");
    const certificate = await createLoopbackCertificate();
    const app = new GitHubAppServer({ appId: "4711", installationId: 815 });
    const accepted = new Set<string>();
    const seen: (string | undefined)[] = [];
    const lets = (authorization: string | undefined): boolean =>
      accepted.has(authorization ?? "") || app.accepts(authorization);
    const lfs = new LfsServer({ accepts: lets });
    const git = await GitServer.start({
      tls: certificate,
      admit: ({ authorization }) => {
        seen.push(authorization);
        return lets(authorization) ? undefined : 401;
      },
      routes: [app.route, lfs.route],
    });
    const key = createSshKey();
    const hostKey = createSshKey();
    const authorized = new Set([key.publicKey]);
    const ssh = await SshGitServer.start({
      root: git.root,
      hostKey,
      authorized,
      lfsAuthenticate: (path) => ({
        href: `${git.origin}/${path}/info/lfs`,
        header: { Authorization: `Basic ${Buffer.from("from:ssh").toString("base64")}` },
        expires_in: 60,
      }),
    });
    return new PrivateServers({ scratch, certificate, app, lfs, git, ssh, key, hostKey, authorized, accepted, seen });
  }

  /** A folder of its own for each test. */
  async folder(): Promise<string> {
    this.#counter += 1;
    const path = join(this.scratch.path, String(this.#counter));
    await mkdir(path);
    return path;
  }

  /** Credentials from a file with these entries, as YAML, and files beside it. */
  async credentials(
    entries: string,
    files: Readonly<Record<string, string>> = {},
  ): Promise<Credentials & { readonly path: string }> {
    const folder = await this.folder();
    const all = {
      ...files,
      "ca.pem": this.certificate.caPem,
      "credentials.yaml": `apiVersion: axle.dev/v1\nkind: Credentials\ncredentials:\n${entries}`,
    };
    for (const [name, content] of Object.entries(all)) {
      await writeFile(join(folder, name), content);
      await chmod(join(folder, name), 0o600);
    }
    const credentials = new Credentials({ file: join(folder, "credentials.yaml"), ask: this.#http.ask, now: Date.now });
    return Object.assign(credentials, { path: folder });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
    await this.ssh[Symbol.asyncDispose]();
    await this.git[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

/** The header of a user name and a password. */
export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
