import { execFile, spawn } from "node:child_process";
import { access, chmod, constants, mkdir, mkdtemp, rm } from "node:fs/promises";
import { kill as killProcess } from "node:process";
import { userInfo } from "node:os";
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
  #prepared: Promise<Prepared> | undefined;

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
      const prepared = await (this.#prepared ??= this.#probe(command.cwd));
      if (command.writes !== true) return await this.#execute(command, { prepared, temporary: prepared.home }, signal);
      const temporary = await this.makeFolder();
      try {
        return await this.#execute(command, { prepared, temporary }, signal);
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

  async #probe(readable: string): Promise<Prepared> {
    const { directory, user } = this.#options;
    const home = join(directory, "home");
    await rm(directory, { recursive: true, force: true });
    await mkdir(home, { recursive: true });
    await chmod(directory, 0o755);
    await chmod(home, 0o555);
    const unshare = await findUnshare();
    const asUser = ["-S", String(user), "-G", String(user)];
    const canRead = [SHELL, "-c", 'test -r "$1" && test -x "$1" && test -x "$2"', "sh", readable, home];
    const noNetwork = userInfo().uid === 0 ? ["-n"] : ["-U", "-n"];
    const [memoryLimit, drops, isolates] = await Promise.all([
      succeeds(SHELL, ["-c", "ulimit -v 1048576"]),
      succeeds(unshare, [...asUser, ...canRead]),
      succeeds(unshare, [...noNetwork, SHELL, "-c", "exit 0"]),
    ]);
    const fence = [...(isolates ? noNetwork : []), ...(drops ? asUser : [])];
    return {
      level: { network: isolates ? "none" : "shared", user: drops ? user : undefined, memoryLimit },
      wrappers: fence.length === 0 ? [] : [unshare, ...fence],
      home,
    };
  }

  #execute(
    command: RendererCommand,
    place: { readonly prepared: Prepared; readonly temporary: string },
    signal: AbortSignal,
  ): Promise<string> {
    const { timeoutMs, outputBytes } = this.#options;
    const [program, ...args] = this.#commandLine(command, place.prepared);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const child = spawn(program, args, {
      cwd: command.cwd,
      env: environmentFor(place.prepared.home, place.temporary),
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    const kill = (reason: Error): void => {
      reject(reason);
      if (child.pid !== undefined) killGroup(child.pid);
    };
    const output: Buffer[] = [];
    let size = 0;
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= outputBytes) output.push(chunk);
      else
        kill(
          new RenderError("too-large", `renders to more than ${outputBytes / 1024 ** 2} MiB of YAML; split the app`),
        );
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
    child.once("error", (cause) =>
      reject(new RenderError("tool", `cannot run ${command.program}: ${cause.message}`, { cause })),
    );
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

  /** Every wrapper replaces itself with the next program (`exec`), so one process runs in the end. */
  #commandLine(command: RendererCommand, { level, wrappers }: Prepared): [string, ...string[]] {
    const { timeoutMs, memoryBytes } = this.#options;
    const fenced = [...wrappers, command.program, ...command.args] as [string, ...string[]];
    if (!level.memoryLimit) return fenced;
    // The limit on CPU ends a renderer whose hub was killed before it could end it.
    const limits = [`-v ${Math.floor(memoryBytes / 1024)}`, `-t ${Math.ceil((timeoutMs / 1000) * 4)}`, "-c 0"];
    return [SHELL, "-c", `${limits.map((limit) => `ulimit ${limit}; `).join("")}exec "$@"`, "sh", ...fenced];
  }
}

interface Prepared {
  readonly level: SandboxLevel;
  /** `unshare` with what works here, or nothing. */
  readonly wrappers: readonly string[];
  /** Empty and read-only. */
  readonly home: string;
}

const SHELL = "/bin/sh";

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

function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(program, args, { env: {}, timeout: 5_000 }, (error) => resolve(error === null));
  });
}

/**
 * No PATH: a renderer can start nothing it was not told about (kustomize would run git for a remote base). A garbage
 * collector that hardly runs takes a fifth off a chart's time, and these processes are over before garbage matters.
 */
function environmentFor(home: string, temporary: string): Record<string, string> {
  return {
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

function killGroup(leader: number): void {
  try {
    killProcess(-leader, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function failure(program: string, stderr: string, how: number | string): RenderError {
  if (/out of memory|cannot allocate memory|failed to reserve/.test(stderr)) {
    return new RenderError(
      "too-large",
      "needs more memory to render than the limit; look for a loop, or split the app",
    );
  }
  if (/^(unshare|sh|\/bin\/sh): /m.test(stderr))
    return new RenderError("tool", `cannot run ${program}: ${stderr.trim()}`);
  return new RenderError("renderer", stderr.trim() || `${program} ended with ${how}`);
}
