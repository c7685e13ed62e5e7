import { spawn } from "node:child_process";
import { withDeadline } from "@axle/runtime/deadline.ts";
import type { AddressRule } from "../outbound/address-rule.ts";
import { SourceError } from "../../sources/source-error.ts";
import { askGit } from "./ask-git.ts";
import { reachError } from "./explain-failure.ts";
import type { GitAccess } from "./git-access.ts";
import type { Remote } from "./git-environment.ts";
import type { LfsServer } from "./lfs-client.ts";
import type { Mirror } from "./mirror.ts";
import { parseSourceRemote } from "./source-remote.ts";
import type { Tree } from "./tree.ts";

const SSH_TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 64 * 1024;

export interface LfsServersOptions {
  readonly mirror: Pick<Mirror, "command">;
  readonly access: GitAccess;
  /** Which addresses are asked. */
  readonly rule: Pick<AddressRule, "resolve">;
}

/** Finds where a repository's large files are, as git-lfs does: `.lfsconfig`, the SSH server's word, the repository's address. */
export class LfsServers {
  readonly #options: LfsServersOptions;

  constructor(options: LfsServersOptions) {
    this.#options = options;
  }

  /** Throws SourceError. */
  async find(tree: Tree, remote: Remote, signal: AbortSignal): Promise<LfsServer> {
    const configured = await this.#configured(tree, signal);
    if (configured !== undefined) {
      const named = parseSourceRemote(configured);
      if (named.scheme === "https" || named.scheme === "http") {
        return { url: named.url, header: undefined };
      }
      throw new SourceError("unsupported", `.lfsconfig names ${named.url}; large files are fetched over https`);
    }
    if (remote.scheme !== "ssh") return { url: apiOf(remote.url), header: undefined };
    const { host, port, user, path } = splitSsh(remote.url);
    await this.#options.rule.resolve(remote.url, signal);
    const answered = await this.#askSsh(remote, { host, port, user, path }, signal);
    return answered ?? { url: apiOf(`https://${host}/${path.replace(/^\/+/, "")}`), header: undefined };
  }

  /** Id of the tree's `.lfsconfig`. */
  settingsOf(tree: Tree): string | undefined {
    return settingsFile(tree).file?.oid;
  }

  /** The one setting of `.lfsconfig` that is read: where the API is. */
  async #configured(tree: Tree, signal: AbortSignal): Promise<string | undefined> {
    const { path, file } = settingsFile(tree);
    if (file === undefined || file.mode === "link" || file.size > MAX_ANSWER_BYTES) return undefined;
    const { directory, environment } = this.#options.mirror.command;
    const call = { gitDirectory: directory, environment };
    const args = ["config", `--blob=${file.oid}`, "--default", "", "--get", "lfs.url"];
    try {
      return (await askGit(args, call, signal)).trim() || undefined;
    } catch (cause) {
      signal.throwIfAborted();
      throw new SourceError("unsafe", `${path} is not written as git reads it; mend it`, { cause });
    }
  }

  /** What `git-lfs-authenticate` answers; undefined where the server has no such command. Throws SourceError. */
  async #askSsh(remote: Remote, at: SshPlace, signal: AbortSignal): Promise<LfsServer | undefined> {
    const [user, port] = [at.user === "" ? [] : ["-l", at.user], at.port === "" ? [] : ["-p", at.port]];
    const words = [...user, ...port, "--", at.host, `git-lfs-authenticate ${quote(at.path)} download`];
    const what = `asking ${at.host} for its LFS server`;
    try {
      await using reach = await this.#options.access.open(remote, signal);
      const result = await withDeadline({ timeoutMs: SSH_TIMEOUT_MS, signal, what }, (deadline) =>
        runSsh(reach.environment, words, deadline),
      );
      if (result.code === 0) return readAnswer(result.output, at.host);
      const { kind, message } = await reach.explain(result.output);
      if (kind === "unauthorized" || kind === "unreachable") throw new SourceError(kind, message);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof SourceError ? error : reachError(error, what);
    }
  }
}

function settingsFile({ path: folder, files }: Tree) {
  const path = folder === "" ? ".lfsconfig" : `${folder}/.lfsconfig`;
  return { path, file: files.find((entry) => entry.path === path)?.file };
}

interface SshPlace {
  readonly host: string;
  readonly port: string;
  readonly user: string;
  readonly path: string;
}

/** The repository's address with what git-lfs puts behind it. */
function apiOf(url: string): string {
  const plain = url.replace(/\/+$/, "");
  return `${plain.endsWith(".git") ? plain : `${plain}.git`}/info/lfs`;
}

function splitSsh(url: string): SshPlace {
  if (!url.includes("://")) {
    const [, user = "", host = "", path = ""] = /^(?:([^@]*)@)?([^:]+):(.+)$/.exec(url) ?? [];
    return { host, port: "", user, path };
  }
  const { hostname, port, username, pathname } = new URL(url);
  return { host: hostname, port, user: decodeURIComponent(username), path: decodeURIComponent(pathname) };
}

/** ssh as git runs it: the command of GIT_SSH_COMMAND, our own words, is read by a shell. */
async function runSsh(
  environment: Record<string, string>,
  words: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ code: number | null; output: string }>();
  const child = spawn("sh", ["-c", `exec ${environment["GIT_SSH_COMMAND"] ?? "ssh"} "$@"`, "sh", ...words], {
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  let output = "";
  const take = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(0, MAX_ANSWER_BYTES);
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  child.once("error", reject);
  child.once("close", (code) => resolve({ code, output }));
  return promise;
}

function readAnswer(output: string, host: string): LfsServer {
  let answer: unknown;
  try {
    answer = JSON.parse(output.slice(output.indexOf("{")));
  } catch {
    answer = undefined;
  }
  const { href, header } = (typeof answer === "object" && answer !== null ? answer : {}) as Record<string, unknown>;
  if (typeof href !== "string" || !/^https?:\/\//.test(href)) {
    throw new SourceError("unsupported", `${host} answers git-lfs-authenticate with no address`);
  }
  const given = typeof header === "object" && header !== null ? Object.entries(header) : [];
  return { url: href, header: Object.fromEntries(given.filter(([, value]) => typeof value === "string")) };
}

function quote(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}
