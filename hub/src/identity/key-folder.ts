import { randomBytes } from "node:crypto";
import { chmod, link, mkdir, open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "@axle/runtime/atomic-file.ts";
import { IdentityError } from "./identity-error.ts";

/** A folder of secret files: 0700, each file 0600. Files that anybody may read are refused, for then the secret is out. */
export class KeyFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Creates the folder when it is not there. Throws {@link IdentityError} `not-writable`. */
  static async open(path: string): Promise<KeyFolder> {
    try {
      const created = await mkdir(path, { recursive: true, mode: 0o700 });
      if (created !== undefined) await chmod(path, 0o700);
    } catch (error) {
      throw new IdentityError("not-writable", `${path}: the folder for the hub's keys cannot be created`, {
        cause: error,
      });
    }
    return new KeyFolder(path);
  }

  /** Undefined when there is no such file. Throws {@link IdentityError} `permissions` or `unreadable`. */
  async read(name: string): Promise<string | undefined> {
    const path = join(this.path, name);
    let file;
    try {
      file = await open(path, "r");
    } catch (error) {
      if (isCode(error, "ENOENT")) return undefined;
      throw new IdentityError("unreadable", `${path}: the key cannot be read`, { cause: error });
    }
    try {
      const { mode } = await file.stat();
      if ((mode & 0o007) !== 0) {
        throw new IdentityError(
          "permissions",
          `${path}: every user of this machine can get at this key (mode ${(mode & 0o777).toString(8)}); ` +
            `replace the key if others had access, then run: chmod 600 ${path}`,
        );
      }
      return await file.readFile("utf8");
    } catch (error) {
      if (error instanceof IdentityError) throw error;
      throw new IdentityError("unreadable", `${path}: the key cannot be read`, { cause: error });
    } finally {
      await file.close();
    }
  }

  /**
   * The file's text, made and stored durably first when there is none. Two processes that start at once agree on one:
   * the first to link its file into place wins.
   */
  async readOrCreate(name: string, create: () => string | Promise<string>): Promise<string> {
    const present = await this.read(name);
    if (present !== undefined) return present;
    const path = join(this.path, name);
    const draft = `${path}.${randomBytes(6).toString("hex")}.new`;
    try {
      await writeFileAtomic(draft, await create());
      await link(draft, path);
    } catch (error) {
      if (!isCode(error, "EEXIST")) {
        throw new IdentityError("not-writable", `${path}: the new key cannot be stored`, { cause: error });
      }
    } finally {
      await rm(draft, { force: true });
    }
    await syncFolder(this.path);
    const stored = await this.read(name);
    if (stored === undefined) throw new IdentityError("unreadable", `${path}: the key vanished as it was written`);
    return stored;
  }

  /** Replaces a file whole. */
  async replace(name: string, text: string): Promise<void> {
    try {
      await writeFileAtomic(join(this.path, name), text);
    } catch (error) {
      throw new IdentityError("not-writable", `${join(this.path, name)}: cannot be written`, { cause: error });
    }
  }
}

async function syncFolder(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o002) !== 0) {
    throw new IdentityError(
      "permissions",
      `${path}: every user of this machine can write here; run: chmod 700 ${path}`,
    );
  }
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
