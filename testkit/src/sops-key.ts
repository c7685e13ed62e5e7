import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { findTool } from "@axle/tools/locate-tool.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "./temporary-directory.ts";

const run = promisify(execFile);

/** Encrypts and opens files with the real SOPS and an age key of a test's own. */
export class SopsKey implements AsyncDisposable {
  readonly #sops: string;
  readonly #scratch: TemporaryDirectory;
  readonly #recipient: string;

  private constructor(sops: string, scratch: TemporaryDirectory, recipient: string) {
    this.#sops = sops;
    this.#scratch = scratch;
    this.#recipient = recipient;
  }

  static async create(): Promise<SopsKey> {
    const [sops, keygen] = await Promise.all([findTool("sops"), findTool("age-keygen")]);
    const scratch = await createTemporaryDirectory("sops");
    const identity = join(scratch.path, "key.txt");
    await run(keygen.path, ["-o", identity]);
    const recipient = /public key: (\S+)/.exec(await readFile(identity, "utf8"))?.[1] ?? "";
    return new SopsKey(sops.path, scratch, recipient);
  }

  /** `name` tells the format. Further arguments are SOPS's own. Throws what SOPS says. */
  encrypt(name: string, text: string, ...args: readonly string[]): Promise<string> {
    return this.#run(name, text, ["encrypt", "--age", this.#recipient, ...args]);
  }

  /** Verifies SOPS's checksum as well. Throws what SOPS says. */
  decrypt(name: string, text: string): Promise<string> {
    return this.#run(name, text, ["decrypt"]);
  }

  async #run(name: string, text: string, args: readonly string[]): Promise<string> {
    const file = join(this.#scratch.path, name);
    await writeFile(file, text);
    const env = { PATH: "", HOME: this.#scratch.path, SOPS_AGE_KEY_FILE: join(this.#scratch.path, "key.txt") };
    const { stdout } = await run(this.#sops, [...args, file], { env });
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scratch[Symbol.asyncDispose]();
  }
}
