import { dirname, resolve } from "node:path";
import type { AskHttp } from "./ask-http.ts";
import type { CredentialEntry, LoginSource } from "./credential-entry.ts";
import { CredentialError } from "./credential-error.ts";
import type { Credential, CredentialSource, Login } from "./credential.ts";
import { readDockerConfig } from "./docker-config.ts";
import { GitHubApps } from "./github-apps.ts";
import { matchCredential } from "./match-credential.ts";
import { parseCredentials } from "./parse-credentials.ts";
import { checkSshKey } from "./private-key.ts";
import { SecretFiles } from "./secret-files.ts";

export interface CredentialsOptions {
  /** The file of credentials. */
  readonly file: string;
  /** How GitHub is asked for tokens. */
  readonly ask: AskHttp;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * The credentials of the hub's configuration: one file, and those it names. They are read at each use, so that rotating one
 * needs no restart, and nothing is kept but tokens of GitHub Apps.
 */
export class Credentials implements CredentialSource {
  readonly #options: CredentialsOptions;
  readonly #files: SecretFiles;
  readonly #apps: GitHubApps;

  constructor(options: CredentialsOptions) {
    this.#options = { ...options, file: resolve(options.file) };
    this.#files = new SecretFiles(dirname(this.#options.file));
    this.#apps = new GitHubApps(options.ask, options.now);
  }

  /** Throws CredentialError for a file that cannot be used: asked once at the start, so that mistakes show at once. */
  async check(): Promise<void> {
    for (const entry of await this.#entries()) {
      await this.#ca(entry);
      if (entry.login?.type === "githubApp") await this.#files.read(entry.login.privateKey);
      else if (entry.login !== undefined) await this.#login(entry.login, entry.url);
    }
  }

  async credentialFor(url: string, signal: AbortSignal): Promise<Credential | undefined> {
    const entries = await this.#entries();
    const ca = caEntryFor(entries, url);
    const caPem = await this.#ca(ca);
    const entry = matchCredential(withLogin(entries), url);
    if (entry === undefined) {
      const other = ca ?? matchCredential(entries, url);
      return other === undefined ? undefined : { from: other.url, login: undefined, caPem };
    }
    const { login, url: from } = entry;
    if (login.type !== "githubApp") return { from, login: await this.#login(login, from), caPem };
    const app = {
      ...login,
      privateKeyPem: await this.#files.read(login.privateKey),
      caPem: await this.#ca(caEntryFor(entries, login.apiUrl)),
      from,
    };
    const password = await this.#apps.token(app, signal);
    return { from, login: { type: "basic", username: "x-access-token", password }, caPem };
  }

  refused(credential: Credential): void {
    if (credential.login?.type === "basic") this.#apps.forget(credential.login.password);
  }

  async #ca(entry: CredentialEntry | undefined): Promise<string | undefined> {
    return entry?.ca === undefined ? undefined : this.#files.read(entry.ca, { isPublic: true });
  }

  async #login(source: Exclude<LoginSource, { type: "githubApp" }>, from: string): Promise<Login> {
    switch (source.type) {
      case "basic":
        return {
          type: "basic",
          username: await this.#line(source.username),
          password: await this.#line(source.password),
        };
      case "bearer":
        return { type: "bearer", token: await this.#line(source.token) };
      case "ssh": {
        const privateKey = checkSshKey(await this.#files.read(source.privateKey), from);
        const knownHosts = await this.#files.read(source.knownHosts, { isPublic: true });
        return { type: "ssh", privateKey, knownHosts: `${knownHosts.trim()}\n` };
      }
    }
  }

  /** A secret of one line: editors and `echo` leave a line break at the end. */
  async #line(source: Parameters<SecretFiles["read"]>[0]): Promise<string> {
    const line = (await this.#files.read(source)).replace(/\r?\n$/, "");
    const name = source.type === "file" ? source.path : this.#options.file;
    if (line === "") throw new CredentialError("bad-file", `${name}: the secret is empty`);
    if (/\p{Cc}/u.test(line)) throw new CredentialError("bad-file", `${name}: expected a secret on one line`);
    return line;
  }

  async #entries(): Promise<readonly CredentialEntry[]> {
    const { file } = this.#options;
    const { entries, dockerConfigFiles } = parseCredentials(await this.#files.read({ type: "file", path: file }), file);
    const docker = dockerConfigFiles.map(async (path) =>
      readDockerConfig(await this.#files.read({ type: "file", path }), path),
    );
    return [...entries, ...(await Promise.all(docker)).flat()];
  }
}

/** A certificate authority may be written once for a host, and logins below it. */
function caEntryFor(entries: readonly CredentialEntry[], url: string): CredentialEntry | undefined {
  return matchCredential(
    entries.filter(({ ca }) => ca !== undefined),
    url,
  );
}

function withLogin(
  entries: readonly CredentialEntry[],
): readonly (CredentialEntry & { readonly login: LoginSource })[] {
  return entries.flatMap((entry) => (entry.login === undefined ? [] : [{ ...entry, login: entry.login }]));
}
