import { execFile, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { RenderError } from "./render-error.ts";

export interface SandboxOptions {
  /** Folder that is ours alone; homes and temporary folders of renderers stand below it. */
  readonly directory: string;
  readonly timeoutMs?: number;
  /** Address space of one process. Go reserves about 700 MiB before it uses any. */
  readonly memoryBytes?: number;
  readonly outputBytes?: number;
  /** Processes at the same time. */
  readonly parallel?: number;
  /** User and group to render as when the hub is root; by default "nobody" by number. */
  readonly user?: number;
}

/** How renderers are fenced on this machine, for the log. */
export interface SandboxLevel {
  /** Without a network of any kind. */
  readonly network: "none" | "shared";
  /** Numeric user, undefined when it is the hub's own. */
  readonly user: number | undefined;
  readonly memoryLimit: boolean;
}

export interface RendererCommand {
  /** Absolute path of the program. */
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly stdin?: string;
  /** Needs a folder to write to (TMPDIR); without it the process has none. */
  readonly writes?: boolean;
}

const DEFAULTS = {
  timeoutMs: 30_000,
  memoryBytes: 2 * 1024 ** 3,
  outputBytes: 64 * 1024 ** 2,
  parallel: 4,
  user: 65534,
} as const;
const STDERR_BYTES = 64 * 1024;

/**
 * Runs renderers: a repository is hostile input, so each is a short process of its own with an empty environment, an
 * empty home that cannot be written, no network and no rights of the hub where the machine allows, and limits on time, memory and
 * output. The whole process group is killed when a limit is passed.
 */
export class Sandbox {
  readonly #options: Required<SandboxOptions>;
  readonly #free: (() => void)[] = [];
  #running = 0;
  #prepared: Promise<{ level: SandboxLevel; home: string }> | undefined;

  constructor(options: SandboxOptions) {
    this.#options = { ...DEFAULTS, ...options };
  }

  /** What the machine allows, found by trying once. `readable` must be readable for the user that renders. */
  async prepare(readable: string): Promise<SandboxLevel> {
    return (await (this.#prepared ??= this.#probe(readable))).level;
  }

  /** Resolves with what the process printed. Throws RenderError `timeout`, `too-large`, `tool`, or `renderer` with its stderr. */
  async run(command: RendererCommand, signal: AbortSignal): Promise<string> {
    await this.#enter(signal);
    try {
      const { level, home } = await (this.#prepared ??= this.#probe(command.cwd));
      if (command.writes !== true) return await this.#execute(command, { level, home, temporary: home }, signal);
      const temporary = await this.makeFolder();
      try {
        return await this.#execute(command, { level, home, temporary }, signal);
      } finally {
        await rm(temporary, { recursive: true, force: true });
      }
    } finally {
      this.#leave();
    }
  }

  /** A fresh folder that the renderer's user may read and write; the caller removes it. */
  async makeFolder(): Promise<string> {
    const { level } = await (this.#prepared ??= this.#probe(this.#options.directory));
    const folder = await mkdtemp(join(this.#options.directory, "run-"));
    // The parent lets nobody else in but the renderer's user.
    await chmod(folder, level.user === undefined ? 0o700 : 0o777);
    return folder;
  }

  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#running < this.#options.parallel) {
      this.#running += 1;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => {
      this.#free.splice(this.#free.indexOf(resolve), 1);
      reject(signal.reason as Error);
    };
    this.#free.push(resolve);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** The place goes to the one who waits longest. */
  #leave(): void {
    const next = this.#free.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }

  async #probe(readable: string): Promise<{ level: SandboxLevel; home: string }> {
    const { directory, user } = this.#options;
    const home = join(directory, "home");
    await rm(directory, { recursive: true, force: true });
    await mkdir(home, { recursive: true });
    await chmod(directory, 0o755);
    await chmod(home, 0o555);
    const works = (program: string, args: readonly string[]): Promise<boolean> =>
      new Promise((resolve) => {
        execFile(program, args, { env: SYSTEM_PATH, timeout: 5_000 }, (error) => resolve(error === null));
      });
    const asUser = ["-S", String(user), "-G", String(user)];
    const [memoryLimit, drops, isolates, isolatesUnprivileged] = await Promise.all([
      works("sh", ["-c", "ulimit -v 1048576"]),
      works("unshare", [...asUser, "sh", "-c", 'test -r "$1" && test -x "$1" && test -x "$2"', "sh", readable, home]),
      works("unshare", ["-n", "true"]),
      works("unshare", ["-U", "-n", "true"]),
    ]);
    const network = isolates || isolatesUnprivileged ? "none" : "shared";
    return { level: { network, user: drops ? user : undefined, memoryLimit }, home };
  }

  #execute(
    command: RendererCommand,
    place: { readonly level: SandboxLevel; readonly home: string; readonly temporary: string },
    signal: AbortSignal,
  ): Promise<string> {
    const { timeoutMs, outputBytes } = this.#options;
    const [program, ...args] = this.#commandLine(command, place.level);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const child = spawn(program, args, {
      cwd: command.cwd,
      env: environmentFor(place.home, place.temporary),
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    const kill = (reason: Error): void => {
      reject(reason);
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // It ended a moment ago.
      }
    };
    const output: Buffer[] = [];
    let size = 0;
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= outputBytes) output.push(chunk);
      else kill(new RenderError("too-large", `renders to more than ${outputBytes / 1024 ** 2} MiB of YAML; split the app`));
    });
    child.stderr.on("data", (chunk: Buffer) => {
      if (stderr.length < STDERR_BYTES) stderr += chunk.toString();
    });
    const timer = setTimeout(
      () => kill(new RenderError("timeout", `does not finish rendering within ${timeoutMs / 1000} s; look for a loop`)),
      timeoutMs,
    );
    const abort = (): void => kill(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    child.once("error", (cause) => reject(new RenderError("tool", `cannot run ${command.program}: ${cause.message}`, { cause })));
    child.once("close", (code, ended) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      if (code === 0) resolve(Buffer.concat(output).toString("utf8"));
      else reject(failure(command.program, stderr, code ?? ended ?? "an error"));
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(command.stdin ?? "");
    return promise;
  }

  /** Wrappers replace themselves with the next program (`exec`), so one process runs in the end. */
  #commandLine(command: RendererCommand, level: SandboxLevel): [string, ...string[]] {
    const { timeoutMs, memoryBytes } = this.#options;
    const wrappers: string[] = [];
    if (level.network === "none" || level.user !== undefined) {
      wrappers.push("unshare");
      if (level.network === "none") wrappers.push(level.user === undefined && !isRoot() ? "-Un" : "-n");
      if (level.user !== undefined) wrappers.push("-S", String(level.user), "-G", String(level.user));
    }
    if (!level.memoryLimit) return [...wrappers, command.program, ...command.args] as [string, ...string[]];
    // CPU seconds end a renderer whose hub was killed before it could end it.
    const limits = `ulimit -v ${Math.floor(memoryBytes / 1024)} -t ${Math.ceil((timeoutMs / 1000) * 4)} -c 0; exec "$@"`;
    return ["/bin/sh", "-c", limits, "sh", ...wrappers, command.program, ...command.args];
  }
}

/** Where the wrappers are; renderers themselves are named by absolute path. */
const SYSTEM_PATH = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };

/** GOGC as high as memory allows takes a fifth off a chart's time: these processes are over before garbage matters. */
function environmentFor(home: string, temporary: string): Record<string, string> {
  return {
    ...SYSTEM_PATH,
    LANG: "C",
    HOME: home,
    XDG_CACHE_HOME: home,
    XDG_CONFIG_HOME: home,
    XDG_DATA_HOME: home,
    HELM_CACHE_HOME: home,
    HELM_CONFIG_HOME: home,
    HELM_DATA_HOME: home,
    HELM_PLUGINS: home,
    TMPDIR: temporary,
    GOGC: "1000",
    GOMEMLIMIT: "512MiB",
  };
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function failure(program: string, stderr: string, how: number | string): RenderError {
  if (/out of memory|cannot allocate memory|failed to reserve/.test(stderr)) {
    return new RenderError("too-large", "needs more memory to render than the limit; look for a loop, or split the app");
  }
  if (/^(unshare|sh|\/bin\/sh): /m.test(stderr)) return new RenderError("tool", `cannot run ${program}: ${stderr.trim()}`);
  return new RenderError("renderer", stderr.trim() || `${program} ended with ${how}`);
}
