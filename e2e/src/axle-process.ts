import { fileURLToPath } from "node:url";
import { spawnSupervised } from "@axle/tools/spawn-supervised.ts";
import type { SupervisedProcess } from "@axle/tools/spawn-supervised.ts";

const shim = fileURLToPath(new URL("../../cli/bin/axle.js", import.meta.url));

/** What a command of `axle` that ends by itself said. */
export interface AxleResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface AxleProcessOptions {
  readonly args: readonly string[];
  /** Beside our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** What Node runs; the `axle` command of this checkout when left out. */
  readonly script?: string;
  /** Options of Node itself. */
  readonly nodeArgs?: readonly string[];
}

/** One long-lived process of ours that can be ended in every way a process ends, and started again as it was. */
export class AxleProcess implements AsyncDisposable {
  readonly name: string;
  readonly #options: AxleProcessOptions;
  #current: SupervisedProcess | undefined;

  constructor(name: string, options: AxleProcessOptions) {
    this.name = name;
    this.#options = options;
  }

  /** 0 before the first start. */
  get pid(): number {
    return this.#current?.pid ?? 0;
  }

  /** Starts it; it must not be running. */
  async start(): Promise<void> {
    const { args, env, script = shim, nodeArgs = [] } = this.#options;
    this.#current = await spawnSupervised(process.execPath, [...nodeArgs, script, ...args], {
      name: this.name,
      env: { ...process.env, ...env },
    });
  }

  /** Waits until `check` holds; fails at once, with its last output, when the process ends before. */
  async waitUntil(check: () => Promise<boolean>, timeoutMs: number): Promise<void> {
    await this.#current?.waitForReady(check, { timeoutMs });
  }

  /** Ends it as `kill -9` does. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#current?.kill("SIGKILL");
    await this.#current?.exited;
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    await this.#current?.stop();
  }

  /** Whether it is there now. */
  get isRunning(): boolean {
    return this.#current !== undefined && this.#current.exit() === undefined;
  }

  /** What it wrote last. */
  logs(lines = 60): string {
    return this.#current?.logs.tail(lines) ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Runs `axle` with these arguments until it ends. */
export async function runAxle(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<AxleResult> {
  const axle = await spawnSupervised(process.execPath, [shim, ...args], {
    name: `axle ${args[0] ?? ""}`,
    env: { ...process.env, NO_COLOR: "1", ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const { code } = await axle.exited;
  const textOf = (stream: "stdout" | "stderr"): string =>
    axle.logs
      .lines()
      .filter((line) => line.stream === stream)
      .map(({ text }) => `${text}\n`)
      .join("");
  return { code: code ?? -1, stdout: textOf("stdout"), stderr: textOf("stderr") };
}
