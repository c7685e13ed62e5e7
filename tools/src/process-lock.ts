import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Who holds a lock, as far as can be told. */
export interface LockHolder {
  readonly pid: number;
  /** What it said it is doing. */
  readonly doing: string;
}

export interface LockRequest {
  /** Where the lock lives; processes that name the same folder exclude each other. */
  readonly directory: string;
  /** What the holder is doing, for those who wait. */
  readonly doing: string;
  /** Told again and again while somebody else holds it. */
  readonly onWait?: (holder: LockHolder) => void;
  readonly signal?: AbortSignal;
}

const beatMs = 5_000;
const silentMs = 30_000;

/**
 * Waits until this process alone holds a lock. Dispose gives it back; the death of the holder does, too.
 *
 * Everybody who wants it writes a claim under a name of its own, and then looks whether there is a claim of somebody who
 * lives: if so it takes its own back and waits. Of two at once the later writer is sure to see the earlier one's, so never
 * two hold it. A claim whose process is gone counts for nothing and anybody may remove it, for its name is never used again.
 * (Rejected: one lock file made with O_EXCL. Taking over from a dead holder is removing that file, and two who
 * do so at once can remove each other's new one.)
 */
export async function acquireProcessLock(request: LockRequest): Promise<AsyncDisposable> {
  await mkdir(request.directory, { recursive: true });
  const own = await claimName();
  for (;;) {
    request.signal?.throwIfAborted();
    let other = await findLiveClaim(request.directory, own);
    if (other === undefined) {
      await writeFile(join(request.directory, own), request.doing);
      other = await findLiveClaim(request.directory, own);
      if (other === undefined) return heldClaim(join(request.directory, own));
      await rm(join(request.directory, own), { force: true });
    }
    request.onWait?.(other);
    // At random, or two who give way to each other would do so for ever.
    await delay(50 + Math.random() * 150, undefined, request.signal === undefined ? {} : { signal: request.signal });
  }
}

function heldClaim(path: string): AsyncDisposable {
  // For those who cannot see our process, because they run in another container.
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, beatMs);
  beat.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(beat);
      await rm(path, { force: true });
    },
  };
}

/** `claim-<host>-<pid>-<when the process started>-<random>`: all that is needed to tell whether its owner lives. */
async function claimName(): Promise<string> {
  return `claim-${hostId()}-${process.pid}-${await startTime(process.pid)}-${randomBytes(6).toString("hex")}`;
}

async function findLiveClaim(directory: string, own: string): Promise<LockHolder | undefined> {
  for (const name of await readdir(directory)) {
    const match = /^claim-(\w+)-(\d+)-(\w*)-\w+$/.exec(name);
    if (match === null || name === own) continue;
    const [, host = "", pid = "", started = ""] = match;
    const path = join(directory, name);
    if (await isLive(path, { host, pid: Number(pid), started })) {
      const doing = await readFile(path, "utf8").catch(() => "");
      return { pid: Number(pid), doing };
    }
    await rm(path, { force: true });
  }
  return undefined;
}

async function isLive(path: string, claim: { host: string; pid: number; started: string }): Promise<boolean> {
  if (claim.host !== hostId()) {
    const age = await stat(path).then(
      (found) => Date.now() - found.mtimeMs,
      () => Number.POSITIVE_INFINITY,
    );
    return age < silentMs;
  }
  // The same process id with another start time is another process.
  return isRunning(claim.pid) && (claim.started === "" || (await startTime(claim.pid)) === claim.started);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** When a process started, in the kernel's own count; empty where there is no /proc. */
async function startTime(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The second field is the name in brackets, which may hold blanks; the start is the 20th after it.
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

function hostId(): string {
  return createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
}
