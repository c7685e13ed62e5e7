import { join } from "node:path";
import { env } from "node:process";
import type { Checkout } from "@axle/testkit/checkout.ts";
import type { GitRepository as ServedRepository } from "@axle/testkit/git-server.ts";
import { runGit } from "@axle/testkit/run-git.ts";
import { GitRepository, type GitRepositoryOptions } from "./git-repository.ts";
import { basic, PrivateServers } from "./private-servers.ts";

/** What the servers take for everything, by the credentials of {@link PrivateFleets.follow}. */
export const TOKEN = basic("x-access-token", "s3cr3t");

export interface Served extends ServedRepository {
  readonly work: Checkout;
}

/** A hub's repository that follows a private one, with credentials for the whole server. */
export interface FollowingHub extends AsyncDisposable {
  readonly repository: GitRepository;
  readonly fleet: Served;
  readonly directory: string;
  /** Paths of a tree in the hub's mirror. */
  filesOf(tree: string): Promise<readonly string[]>;
}

/** For tests: private servers, repositories on them, and hubs that follow those. */
export class PrivateFleets implements AsyncDisposable {
  readonly servers: PrivateServers;
  /** The clock of the hubs. */
  nowMs = 0;
  counter = 0;

  private constructor(servers: PrivateServers) {
    this.servers = servers;
  }

  static async start(): Promise<PrivateFleets> {
    return new PrivateFleets(await PrivateServers.start());
  }

  /** An empty repository with a working copy. */
  async serve(name: string): Promise<Served> {
    this.counter += 1;
    const repository = await this.servers.git.createRepository(`${name}-${this.counter}`);
    return { ...repository, work: await repository.clone() };
  }

  async follow(over: "https" | "ssh" = "https"): Promise<FollowingHub> {
    const fleet = await this.serve("fleet");
    const { ssh, git, key } = this.servers;
    const credentials = await this.servers.credentials(
      `  - { url: '${git.origin}', caFile: ca.pem, token: { token: s3cr3t } }
  - { url: 'ssh://git@127.0.0.1:${ssh.port}', ssh: { privateKeyFile: key, knownHosts: '${ssh.knownHosts.trim()}' } }\n`,
      { key: key.privateKey },
    );
    const directory = await this.servers.folder();
    const url = over === "ssh" ? ssh.url(fleet.name) : fleet.url;
    const now = (): number => this.nowMs;
    const repository = new GitRepository({ url, directory, environment: env, credentials, now });
    return {
      repository,
      fleet,
      directory,
      filesOf: async (tree) =>
        (await runGit(join(directory, "mirror.git"), ["ls-tree", "-r", "--name-only", tree])).split("\n"),
      [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
    };
  }

  /** Another repository that follows the same, over https. */
  async another(hub: FollowingHub, options: Partial<GitRepositoryOptions>): Promise<GitRepository> {
    const { git } = this.servers;
    const entry = `  - { url: '${git.origin}', caFile: ca.pem, token: { token: s3cr3t } }\n`;
    const given = { credentials: await this.servers.credentials(entry), directory: await this.servers.folder() };
    return new GitRepository({ url: hub.fleet.url, environment: env, ...given, ...options });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.servers[Symbol.asyncDispose]();
  }
}

/** What was thrown. */
export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "it worked",
    (error: unknown) => error,
  );
}
