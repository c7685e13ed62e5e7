import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { authorizationOf, type Credential, type CredentialSource, type Login } from "../../credentials/credential.ts";
import { explainFailure, type GitFailure } from "./explain-failure.ts";
import { gitEnvironment, type Remote } from "./git-environment.ts";

export interface GitAccessOptions {
  /** Folder that is ours alone; what a killed process left there is removed. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly credentials: CredentialSource;
}

/** For addresses that others named: git goes there, and nowhere else. */
export function confineGit(remote: Remote, addresses: readonly string[]): Record<string, string> {
  const settings = new Map([["http.followRedirects", "false"]]);
  if (addresses.length > 0 && (remote.scheme === "https" || remote.scheme === "http")) {
    // What its name led to when it was looked at: it may lead elsewhere by the time git asks.
    const { hostname, port, protocol } = new URL(remote.url);
    const at = addresses.map((address) => (address.includes(":") ? `[${address}]` : address)).join(",");
    const portOrUsual = port === "" ? (protocol === "https:" ? "443" : "80") : port;
    settings.set("http.curloptResolve", `${hostname}:${portOrUsual}:${at}`);
  }
  const pairs = [...settings].flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(settings.size), ...Object.fromEntries(pairs) };
}

/** What git needs to reach one address. Dispose takes it away again. */
export interface GitReach extends AsyncDisposable {
  readonly environment: Record<string, string>;
  /** What a call that failed means, from git's words and ssh's; tells the credentials' source when they were refused. */
  explain(words: string): Promise<GitFailure>;
}

/**
 * Lends git the hub's credentials, for one call each. They go through files of a fresh private folder that is removed after the
 * call: arguments are shown by `ps`, the environment by `ps e` and to every program git starts, and a helper program that
 * answers git's questions would have to be given them as well. Redirects are not followed while credentials are sent, for git
 * sends its extra header wherever the redirect leads.
 */
export class GitAccess {
  readonly #options: GitAccessOptions;
  #cleared: Promise<void> | undefined;

  constructor(options: GitAccessOptions) {
    this.#options = options;
  }

  /** Throws CredentialError when there are credentials for the address and they cannot be used. */
  async open(remote: Remote, signal: AbortSignal): Promise<GitReach> {
    const credential = remote.scheme === "file" ? undefined : await this.#credentialFor(remote, signal);
    const environment = gitEnvironment(this.#options.environment, remote.scheme);
    if (credential === undefined && remote.scheme !== "ssh") return this.#plain(environment, remote);
    const folder = await this.#makeFolder();
    try {
      const reach = { ...environment, ...(await writeAccess(folder, remote, credential)) };
      return {
        environment: reach,
        explain: async (words) => this.#explain(`${words}\n${await readLog(folder)}`, remote, credential),
        [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
      };
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  #plain(environment: Record<string, string>, remote: Remote): GitReach {
    const explain = (words: string): Promise<GitFailure> => Promise.resolve(this.#explain(words, remote, undefined));
    return { environment, explain, [Symbol.asyncDispose]: () => Promise.resolve() };
  }

  /** What stands in the address itself counts more than the file of credentials. */
  async #credentialFor(remote: Remote, signal: AbortSignal): Promise<Credential | undefined> {
    const configured = await this.#options.credentials.credentialFor(remote.url, signal);
    if (remote.login === undefined) return configured;
    return { from: remote.url, login: remote.login, caPem: configured?.caPem };
  }

  #explain(words: string, remote: Remote, credential: Credential | undefined): GitFailure {
    const failure = explainFailure(words, {
      url: remote.url,
      from: credential?.login === undefined ? undefined : credential.from,
    });
    if (failure.kind === "unauthorized" && credential !== undefined) this.#options.credentials.refused(credential);
    return failure;
  }

  async #makeFolder(): Promise<string> {
    const { directory } = this.#options;
    await (this.#cleared ??= rm(directory, { recursive: true, force: true }).catch((error: unknown) => {
      this.#cleared = undefined;
      throw error;
    }));
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return mkdtemp(join(directory, "call-"));
  }
}

/** Writes the files and gives the variables that name them. */
async function writeAccess(
  folder: string,
  remote: Remote,
  credential: Credential | undefined,
): Promise<Record<string, string>> {
  const put = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, text, { mode: 0o600, flag: "wx" });
    return path;
  };
  if (remote.scheme === "ssh") {
    const log = quoteForShell(join(folder, "ssh.log"));
    const { login } = credential ?? {};
    if (login?.type !== "ssh") return { GIT_SSH_COMMAND: `ssh ${OWN_KEYS} -o LogLevel=DEBUG1 -E ${log}` };
    const key = await put("key", login.privateKey);
    const knownHosts = await put("known_hosts", login.knownHosts);
    const config = await put("ssh_config", sshConfig(key, knownHosts));
    return { GIT_SSH_COMMAND: `ssh -F ${quoteForShell(config)} -E ${log}` };
  }
  const ca = credential?.caPem === undefined ? undefined : await put("ca.pem", credential.caPem);
  const config = await put("config", gitConfig(remote.url, credential?.login));
  // As a variable, for the hub's own environment may hold one, which counts more than configuration.
  return { GIT_CONFIG_GLOBAL: config, ...(ca === undefined ? {} : { GIT_SSL_CAINFO: ca }) };
}

/** Without an entry for the address: the keys and known hosts of the hub's own user, as when it is tried out on a laptop. */
const OWN_KEYS = "-o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=15";

function gitConfig(url: string, login: Login | undefined): string {
  const authorization = authorizationOf(login);
  const lines = [`[http ${quoteForGit(new URL(url).origin)}]`];
  if (authorization !== undefined) {
    lines.push(`  extraHeader = ${quoteForGit(`Authorization: ${authorization}`)}`, "  followRedirects = false");
  }
  return `${lines.join("\n")}\n`;
}

function sshConfig(key: string, knownHosts: string): string {
  return `Host *
  BatchMode yes
  StrictHostKeyChecking yes
  UserKnownHostsFile ${quoteForSsh(knownHosts)}
  GlobalKnownHostsFile /dev/null
  UpdateHostKeys no
  VerifyHostKeyDNS no
  IdentityFile ${quoteForSsh(key)}
  IdentitiesOnly yes
  IdentityAgent none
  PreferredAuthentications publickey
  PubkeyAuthentication yes
  ForwardAgent no
  ForwardX11 no
  ControlMaster no
  ControlPath none
  ConnectTimeout 15
  ServerAliveInterval 15
  ServerAliveCountMax 4
  LogLevel DEBUG1
`;
}

async function readLog(folder: string): Promise<string> {
  return readFile(join(folder, "ssh.log"), "utf8").catch(() => "");
}

function quoteForShell(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}

function quoteForSsh(path: string): string {
  return `"${path.replaceAll("%", "%%")}"`;
}

function quoteForGit(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
