import { createHash } from "node:crypto";
import { authorizationOf } from "../../credentials/credential.ts";
import type { Credential, CredentialSource, Login } from "../../credentials/credential.ts";
import type { SourceFile, TreeKeeper } from "../../source-ports.ts";

/** For tests: what the fetcher keeps, by digest; trees are named by their content. */
export class KeptTrees implements TreeKeeper {
  readonly kept = new Map<string, { readonly tree: string; readonly files: readonly SourceFile[] }>();

  async keep(name: string, files: readonly SourceFile[]): Promise<string> {
    const hash = createHash("sha1");
    for (const { path, executable, content } of files) hash.update(`${path}\0${executable}\0`).update(content);
    const tree = hash.digest("hex");
    this.kept.set(name, { tree, files });
    return tree;
  }

  async find(name: string): Promise<string | undefined> {
    return this.kept.get(name)?.tree;
  }

  /** Text of a kept file. */
  text(name: string, path: string): string | undefined {
    const file = this.kept.get(name)?.files.find((each) => each.path === path);
    return file === undefined ? undefined : Buffer.from(file.content).toString("utf8");
  }
}

/** For tests: credentials by the beginning of an address, and whom they were handed out for. */
export class GivenCredentials implements CredentialSource {
  readonly entries = new Map<string, Omit<Credential, "from">>();
  readonly refusedLogins: (string | undefined)[] = [];

  give(url: string, entry: { readonly login?: Login; readonly caPem?: string }): this {
    this.entries.set(url, { login: entry.login, caPem: entry.caPem });
    return this;
  }

  async credentialFor(url: string): Promise<Credential | undefined> {
    const found = [...this.entries].filter(([prefix]) => `${url}/`.startsWith(`${prefix}/`));
    const [from, entry] = found.toSorted(([a], [b]) => b.length - a.length)[0] ?? [];
    return from === undefined || entry === undefined ? undefined : { from, ...entry };
  }

  refused({ login }: Credential): void {
    this.refusedLogins.push(authorizationOf(login));
  }
}
