import { chmod, mkdtemp, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Variant } from "@axle/core/placement/variant.ts";
import { findFence, prepareFolder, type Fence, type SandboxLevel } from "./fence.ts";
import { Lanes } from "./lanes.ts";
import { runLimited } from "./run-limited.ts";

export interface SandboxOptions {
  /**
   * Folder of its own. Where snapshots stand below it (GitRepositoryOptions.checkoutDirectory), renderers can be jailed in it
   * and see no other file of the machine.
   */
  readonly directory: string;
  readonly timeoutMs?: number;
  /** Address space of one process. Go reserves about 700 MiB before it uses any. */
  readonly memoryBytes?: number;
  readonly outputBytes?: number;
  /** Processes at the same time. */
  readonly parallel?: number;
  /** What takes longer gives its place to others, beyond half of the places. */
  readonly slowAfterMs?: number;
  /** User and group to render as when the hub is root; by default "nobody" by number. */
  readonly user?: number;
}

export interface RendererCommand {
  /** Absolute path. */
  readonly program: string;
  /** Another program it may start is named by `{program}`, with its absolute path. */
  readonly args: readonly (string | { readonly program: string })[];
  /** The folder of the snapshot, or one made by {@link Sandbox.makeFolder}; paths in `args` are relative to it. */
  readonly cwd: string;
  readonly stdin?: string;
  /** What it is part of: whose commands took long once has to leave places to others. */
  readonly subject: string;
  /** Needs a folder to write to (TMPDIR); without it the process has none. */
  readonly writes?: boolean;
}

/** An app's variants at one path share what makes them slow. */
export function subjectOf({ app, path }: Pick<Variant, "app" | "path">): string {
  return JSON.stringify([app, path]);
}

const DEFAULTS = {
  timeoutMs: 30_000,
  memoryBytes: 2 * 1024 ** 3,
  outputBytes: 64 * 1024 ** 2,
  parallel: 4,
  slowAfterMs: 3_000,
  user: 65534,
} as const;

/**
 * Runs renderers. A repository is hostile input, so each is a short process of its own with an empty environment, an
 * empty home that cannot be written, and limits on time, memory and output; and where the machine allows without a network, as a user
 * without rights, and with no file in sight but the snapshot.
 */
export class Sandbox {
  readonly #options: Required<SandboxOptions>;
  readonly #fences = new Map<string, Promise<Fence>>();
  readonly #lanes: Lanes;
  #home: Promise<{ home: string }> | undefined;

  constructor(options: SandboxOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#lanes = new Lanes(this.#options);
  }

  /** What the machine allows for a program that reads `readable`, found by trying once. */
  async prepare(program: string, readable: string): Promise<SandboxLevel> {
    return (await this.#fenceFor(program, readable)).level;
  }

  /** Resolves with what the process printed. Throws RenderError `timeout`, `too-large`, `tool`, or `renderer` with its stderr. */
  async run(command: RendererCommand, signal: AbortSignal): Promise<string> {
    const fence = await this.#fenceFor(command.program, command.cwd);
    return this.#lanes.run(command.subject, (stop) => this.#runFenced(command, fence, stop), signal);
  }

  async #runFenced(command: RendererCommand, fence: Fence, signal: AbortSignal): Promise<string> {
    if (command.writes !== true) return this.#execute(command, { fence }, signal);
    const temporary = await this.makeFolder();
    try {
      return await this.#execute(command, { fence, temporary }, signal);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  /** A fresh folder that renderers may read and write; the caller removes it. */
  async makeFolder(): Promise<string> {
    await this.#prepared();
    const folder = await mkdtemp(join(this.#options.directory, "run", "run-"));
    // The sandbox's folder lets nobody else in but the user that renders.
    await chmod(folder, 0o777);
    return folder;
  }

  #prepared(): Promise<{ home: string }> {
    return (this.#home ??= prepareFolder(this.#options.directory, this.#options.user).catch((error: unknown) => {
      this.#home = undefined;
      throw error;
    }));
  }

  #fenceFor(program: string, readable: string): Promise<Fence> {
    let fence = this.#fences.get(program);
    if (fence === undefined) {
      const { directory, user, memoryBytes, timeoutMs } = this.#options;
      // The limit on CPU ends a renderer whose hub was killed before it could end it.
      const limits = [`-v ${Math.floor(memoryBytes / 1024)}`, `-t ${Math.ceil((timeoutMs / 1000) * 4)}`, "-c 0"];
      fence = this.#prepared()
        .then(() => findFence({ directory, user, limits, program, readable }))
        .catch((error: unknown) => {
          this.#fences.delete(program);
          throw error;
        });
      this.#fences.set(program, fence);
    }
    return fence;
  }

  async #execute(
    command: RendererCommand,
    place: { readonly fence: Fence; readonly temporary?: string },
    signal: AbortSignal,
  ): Promise<string> {
    const { timeoutMs, outputBytes, directory } = this.#options;
    const { fence } = place;
    const args: string[] = [];
    for (const arg of command.args)
      args.push(typeof arg === "string" ? arg : await this.#nameInside(arg.program, command));
    const { home } = await this.#prepared();
    const limited = {
      name: basename(command.program),
      commandLine: fence.commandLine(args, command.cwd),
      cwd: fence.level.files === "jail" ? directory : command.cwd,
      env: environmentFor(fence.inside(home), fence.inside(place.temporary ?? home)),
      stdin: command.stdin ?? "",
      timeoutMs,
      outputBytes,
    };
    return runLimited(limited, signal);
  }

  /** Path of a second program as the first sees it; whoever looked for its fence put a copy of it inside. */
  async #nameInside(program: string, { cwd, program: starter }: RendererCommand): Promise<string> {
    const [, around] = await Promise.all([this.#fenceFor(program, cwd), this.#fenceFor(starter, cwd)]);
    return around.level.files === "jail" ? `/bin/${basename(program)}` : program;
  }
}

/** Of the discard protocol, where nobody listens. */
const NO_PROXY_THERE = "http://127.0.0.1:9";

/**
 * No PATH: a renderer can start nothing it was not told about (kustomize would run git for a remote base). A garbage
 * collector that hardly runs takes a fifth off a chart's time, and these processes are over before garbage matters.
 * The proxy is none: where a machine does not let us take the network away, what a renderer would fetch by itself is refused.
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
    HTTP_PROXY: NO_PROXY_THERE,
    HTTPS_PROXY: NO_PROXY_THERE,
    GOGC: "1000",
    GOMEMLIMIT: "512MiB",
  };
}
