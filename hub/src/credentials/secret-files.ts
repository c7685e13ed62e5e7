import { open, type FileHandle } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import type { SecretSource } from "./credential-entry.ts";
import { CredentialError } from "./credential-error.ts";

/** No secret is larger. */
const MAX_BYTES = 1024 ** 2;

/**
 * Reads files that hold secrets: those every user of the machine can read are refused, for then the secret is out. Group
 * access is let pass, because that is how Kubernetes mounts a Secret for a process that is not root.
 */
export class SecretFiles {
  readonly #folder: string;

  /** Relative paths start at `folder`. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Throws CredentialError `unreadable` or `permissions`, naming the file. */
  async read(source: SecretSource, options: { readonly isPublic?: boolean } = {}): Promise<string> {
    if (source.type === "text") return source.text;
    const { path } = source;
    const file = isAbsolute(path) ? path : join(this.#folder, path);
    let handle: FileHandle;
    try {
      handle = await open(file, "r");
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const why = code === "ENOENT" ? "is not there" : `cannot be read (${code ?? "unknown"})`;
      throw new CredentialError("unreadable", `${file} ${why}`, { cause });
    }
    await using _closed = handle;
    const { mode, size } = await handle.stat();
    if (options.isPublic !== true && (mode & 0o007) !== 0) {
      throw new CredentialError(
        "permissions",
        `${file}: every user of this machine can get at this secret (mode ${(mode & 0o777).toString(8)}); run: chmod 600 ${file} ` +
          "(in Kubernetes mount the Secret with defaultMode: 0440 and set fsGroup)",
      );
    }
    if (size > MAX_BYTES)
      throw new CredentialError("unreadable", `${file} has ${size} bytes, a secret may have ${MAX_BYTES}`);
    return await handle.readFile("utf8");
  }
}
