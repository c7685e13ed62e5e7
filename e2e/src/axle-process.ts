import { spawnSupervised } from "@axle/tools/spawn-supervised.ts";
import type { SupervisedProcess } from "@axle/tools/spawn-supervised.ts";
import { fileURLToPath } from "node:url";

const shim = fileURLToPath(new URL("../../cli/bin/axle.js", import.meta.url));

/** What a command of `axle` that ends by itself said. */
export interface AxleResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One long-lived `axle …` process that can be ended in every way a process ends, and started again as it was. */
export class AxleProcess implements AsyncDisposable {
  readonly name: string;
  readonly #args: readonly string[];
  #current: SupervisedProcess | undefined;

  constructor(name: string, args: readonly string[]) {
    this.name = name;
    this.#args = args;
  }

  get pid(): number {
    return this.#current?.pid ?? 0;
  }

  /** Starts it; it must not be running. */
  async start(): Promise<void> {
    this.#current = await spawnSupervised(process.execPath, [shim, ...this.#args], { name: this.name });
  }

  /** Waits until `check` holds; fails at once, with its last output, when the process ends before. */
  async waitUntil(check: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
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
  const process_ = await spawnSupervised(process.execPath, [shim, ...args], {
    name: `axle ${args[0] ?? ""}`,
    env: { ...process.env, NO_COLOR: "1", ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const { code } = await process_.exited;
  const textOf = (stream: "stdout" | "stderr"): string =>
    process_.logs
      .lines()
      .filter((line) => line.stream === stream)
      .map(({ text }) => `${text}\n`)
      .join("");
  return { code: code ?? -1, stdout: textOf("stdout"), stderr: textOf("stderr") };
}
