import { spawnSupervised } from "./spawn-supervised.ts";
import { SupervisedProcessError } from "./supervised-process-error.ts";
import type { Tool } from "./tool-catalogue.ts";

export interface BuildOptions {
  /** The folder of the Go module whose requirements pin every tool. */
  readonly goModule: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

/**
 * Builds a tool with Go into `path`. The compiler ends when we end, however we end.
 * @throws SupervisedProcessError when there is no Go (`spawn-failed`) or it says an error (`exited`, with the end of what it said)
 */
export async function buildTool(tool: Tool, path: string, options: BuildOptions): Promise<void> {
  const args = ["build", "-C", options.goModule, "-o", path, "-trimpath", "-ldflags", tool.ldflags, tool.goPackage];
  const go = await spawnSupervised("go", args, {
    name: "go build",
    // Nothing of a workspace or of flags meant for other builds.
    env: { ...options.env, CGO_ENABLED: "0", GOWORK: "off", GOFLAGS: "-mod=readonly" },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const { code, signal } = await go.exited;
  options.signal?.throwIfAborted();
  if (code === 0) return;
  const how = signal === null ? `code ${code ?? "unknown"}` : signal;
  throw new SupervisedProcessError("exited", `go build ended with ${how}`, { tail: go.logs.tail(15) });
}
