import { execFile } from "node:child_process";
import { sleep } from "@axle/runtime/sleep.ts";
import { access, chmod, chown, constants, copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { geteuid } from "node:process";

/** How renderers are fenced on this machine, for the log. */
export interface SandboxLevel {
  /** Sees no file but the tree, its own programs and a folder to work in. */
  readonly files: "jail" | "machine";
  readonly network: "none" | "shared";
  /** Numeric user, undefined when it is the hub's own. */
  readonly user: number | undefined;
  readonly memoryLimit: boolean;
}

/** A way to run one program that was seen to work. */
export interface Fence {
  readonly level: SandboxLevel;
  /** Program and arguments that start it; each wrapper replaces itself with the next (`exec`), so one process runs in the end. */
  commandLine(args: readonly string[], cwd: string): readonly [string, ...string[]];
  /** A path below the sandbox's folder as the program sees it. */
  inside(path: string): string;
}

export interface FenceOptions {
  /** Folder that is ours alone; what is below it is all a jailed program sees. */
  readonly directory: string;
  readonly user: number;
  /** Arguments to `ulimit`, one each. */
  readonly limits: readonly string[];
  /** Absolute path of the program. */
  readonly program: string;
  /** A folder it will have to read. */
  readonly readable: string;
}

const SHELL = "/bin/sh";

/**
 * Finds the strongest fence in which a program starts, by starting it: no network, another user, no other files.
 * Without root the first and last take user namespaces, which some machines forbid; without Linux there is none of it.
 */
export async function findFence(options: FenceOptions): Promise<Fence> {
  const { directory, user, limits, readable } = options;
  const root = geteuid?.() === 0;
  const unshare = await findUnshare();
  const memoryLimit = await succeeds([SHELL, "-c", "ulimit -v 1048576"]);
  const program = await installInJail(options);
  const noNetwork = root ? ["-n"] : ["-U", "-n"];
  const asUser = root ? ["-S", String(user), "-G", String(user)] : [];
  const mayRead = await succeeds([unshare, ...asUser, SHELL, "-c", 'test -r "$1" && test -x "$1"', "sh", readable]);

  const candidates: Candidate[] = [];
  if (isBelow(directory, readable) && program !== undefined) {
    candidates.push({ files: "jail", wrapper: [unshare, ...noNetwork, ...asUser], program });
  }
  if (root && mayRead)
    candidates.push({ files: "machine", wrapper: [unshare, ...noNetwork, ...asUser], program: options.program });
  candidates.push({ files: "machine", wrapper: [unshare, ...noNetwork], program: options.program });
  if (root && mayRead) candidates.push({ files: "machine", wrapper: [unshare, ...asUser], program: options.program });

  for (const candidate of candidates) {
    const fence = makeFence(candidate, { directory, user, limits: memoryLimit ? limits : [] });
    if (await works(fence, readable)) return fence;
  }
  const bare = { files: "machine", wrapper: [], program: options.program } as const;
  return makeFence(bare, { directory, user, limits: memoryLimit ? limits : [] });
}

/**
 * A copy that was just written cannot be run (ETXTBSY) while a process that was forked meanwhile still holds the file,
 * which is until it becomes its own program: a matter of milliseconds, and no reason for a weaker fence.
 */
async function works(fence: Fence, readable: string): Promise<boolean> {
  for (const pauseMs of [0, 50, 250]) {
    await sleep(pauseMs, new AbortController().signal);
    if (await succeeds(fence.commandLine(["version"], readable))) return true;
  }
  return false;
}

interface Candidate {
  readonly files: SandboxLevel["files"];
  readonly wrapper: readonly string[];
  /** Path as seen from inside. */
  readonly program: string;
}

function makeFence(
  { files, wrapper, program }: Candidate,
  { directory, user, limits }: { directory: string; user: number; limits: readonly string[] },
): Fence {
  const inside = (path: string): string => (files === "jail" ? join("/", relative(directory, path)) : path);
  const limit = `${limits.map((each) => `ulimit ${each}; `).join("")}exec "$@"`;
  const limited = limits.length === 0 ? [] : [SHELL, "-c", limit, "sh"];
  return {
    level: {
      files,
      network: wrapper.includes("-n") ? "none" : "shared",
      user: wrapper.includes("-S") ? user : undefined,
      memoryLimit: limits.length > 0,
    },
    inside,
    commandLine: (args, cwd) => {
      const jail = files === "jail" ? ["-R", directory, "-w", inside(cwd)] : [];
      return [...limited, ...wrapper, ...jail, program, ...args] as unknown as readonly [string, ...string[]];
    },
  };
}

/** Prepares the folder itself; what stands in it from an earlier process and is not ours to keep goes. */
export async function prepareFolder(directory: string, user: number): Promise<{ home: string }> {
  const home = join(directory, "home");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const name of ["home", "bin", "dev", "run"]) await rm(join(directory, name), { recursive: true, force: true });
  await mkdir(home, { mode: 0o555 });
  await mkdir(join(directory, "bin"), { mode: 0o755 });
  await mkdir(join(directory, "run"), { mode: 0o711 });
  await mkdir(join(directory, "dev"), { mode: 0o755 });
  // What is read from here ends at once, as from the real one; some programs do not start another without it.
  await writeFile(join(directory, "dev", "null"), "");
  if (geteuid?.() === 0) {
    await chown(directory, 0, user);
    await chmod(directory, 0o710);
    for (const name of ["home", "bin", "run", "dev"])
      await chmod(join(directory, name), name === "home" ? 0o555 : 0o755);
  }
  return { home };
}

/** A copy inside, for nothing outside can be seen from there. Undefined when it cannot be made. */
async function installInJail({ directory, program }: FenceOptions): Promise<string | undefined> {
  const copy = join("bin", basename(program));
  try {
    await copyFile(program, join(directory, copy), constants.COPYFILE_FICLONE);
    await chmod(join(directory, copy), 0o755);
    return `/${copy}`;
  } catch {
    return undefined;
  }
}

function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== "" && !way.startsWith("..") && !way.startsWith("/");
}

async function findUnshare(): Promise<string> {
  for (const path of ["/usr/bin/unshare", "/bin/unshare"]) {
    const usable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return path;
  }
  return "/usr/bin/unshare";
}

function succeeds([program = SHELL, ...args]: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(program, args, { cwd: "/", env: {}, timeout: 10_000 }, (error) => resolve(error === null));
  });
}
