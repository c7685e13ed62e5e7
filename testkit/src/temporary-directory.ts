import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isProcessAlive } from "./process-alive.ts";

const prefix = "axle-test-";

/** A fresh directory that is removed at the end. */
export interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
}

/**
 * Makes a directory below the system's folder for temporary files. Its name carries our process id, so that what a killed
 * test left behind is removed when the next one starts.
 */
export async function createTemporaryDirectory(purpose: string): Promise<TemporaryDirectory> {
  await removeOrphans();
  const path = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-${purpose}-`));
  return {
    path,
    async [Symbol.asyncDispose]() {
      // A server that was killed a moment ago may still be writing into it.
      await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    },
  };
}

async function removeOrphans(): Promise<void> {
  const names = await readdir(tmpdir());
  for (const name of names) {
    const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || isProcessAlive(Number(pid))) continue;
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => undefined);
  }
}
