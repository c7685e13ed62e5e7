import { access, constants, realpath, stat, writeFile } from "node:fs/promises";
import { arch, platform as system } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import { buildTool } from "./build-tool.ts";
import { DownloadError } from "./download-error.ts";
import { downloadRelease } from "./download-release.ts";
import { acquireProcessLock } from "./process-lock.ts";
import { Progress, type ProgressOutput, roughly } from "./progress.ts";
import { installFile, readGoModule, toolCacheDirectory, toolKey } from "./tool-cache.ts";
import { type Platform, type Tool, toolCatalogue } from "./tool-catalogue.ts";
import { ToolError } from "./tool-error.ts";
import { readVersion, rejectVersion } from "./tool-version.ts";

export type ToolSource = "override" | "assets" | "path" | "cache" | "download" | "build";

/** A usable binary and where it came from. */
export interface ToolLocation {
  readonly path: string;
  readonly source: ToolSource;
  /** What the ways tried before it said, as `PATH: /usr/bin/helm is 3.9.0, 4.x is needed`. */
  readonly passedOver: readonly string[];
}

export interface FindToolOptions {
  /**
   * Read: `AXLE_TOOL_<NAME>` (a path, used as it is), `KUBEBUILDER_ASSETS`, `PATH`, `XDG_CACHE_HOME`, `HOME`,
   * `AXLE_TOOLS_DOWNLOAD_BASE` (a mirror), `AXLE_TOOLS_OFFLINE=1` (no downloads).
   */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly catalogue?: readonly Tool[];
  /** The folder of the Go module that builds the tools. */
  readonly goModule?: string;
  readonly platform?: Platform;
  /** Where one-time work is shown; `process.stderr` when left out. */
  readonly output?: ProgressOutput;
  readonly signal?: AbortSignal;
}

/** Everything one search needs, with its defaults filled in. */
interface Search extends Required<Omit<FindToolOptions, "signal" | "catalogue">> {
  readonly tool: Tool;
  readonly signal: AbortSignal | undefined;
  /** Why each way that was tried came to nothing. */
  readonly failures: string[];
}

const unreachableForMs = 60_000;

/**
 * Finds a tool, and gets it when it is not there: `AXLE_TOOL_<NAME>`, `KUBEBUILDER_ASSETS`, `PATH`, our cache, the official
 * release (checked against its published checksum), a build with Go. Shows one-time work on stderr. Processes that look for
 * the same tool at once wait for the one that makes it.
 * @throws ToolError naming every way that was tried, why each failed and what to install
 */
export async function findTool(name: string, options: FindToolOptions = {}): Promise<ToolLocation> {
  const catalogue = options.catalogue ?? toolCatalogue;
  const tool = catalogue.find((candidate) => candidate.name === name);
  if (tool === undefined) {
    const known = catalogue.map((candidate) => candidate.name).join(", ");
    throw new ToolError("unknown-tool", `there is no tool named ${name}; known are ${known}`);
  }
  const search: Search = {
    tool,
    env: options.env ?? process.env,
    goModule: options.goModule ?? join(import.meta.dirname, "..", tool.goFolder ?? "go"),
    platform: options.platform ?? thisPlatform(),
    output: options.output ?? process.stderr,
    signal: options.signal,
    failures: [],
  };
  const present = (await findOverride(search)) ?? (await findInAssets(search)) ?? (await findOnPath(search));
  if (present !== undefined) return present;
  const got = await getCached(search);
  if (got !== undefined) return got;
  throw new ToolError("not-found", describeFailure(search));
}

/** This machine in the words of Go. */
export function thisPlatform(): Platform {
  return { os: system() === "win32" ? "windows" : system(), arch: arch() === "x64" ? "amd64" : arch() };
}

/** The variable that names a tool's path: `AXLE_TOOL_KUBE_APISERVER`. */
export function overrideVariable(name: string): string {
  return `AXLE_TOOL_${name.toUpperCase().replaceAll("-", "_")}`;
}

async function findOverride(search: Search): Promise<ToolLocation | undefined> {
  const variable = overrideVariable(search.tool.name);
  const path = search.env[variable] ?? "";
  if (path === "") {
    search.failures.push(`${variable}: not set`);
    return undefined;
  }
  // Who names a path means that one, and nothing else.
  if (!(await isExecutable(path))) {
    throw new ToolError("override-missing", `${variable} is ${path}, which is not an executable file`);
  }
  return found(search, path, "override");
}

async function findInAssets(search: Search): Promise<ToolLocation | undefined> {
  const folder = search.env["KUBEBUILDER_ASSETS"] ?? "";
  if (folder === "") {
    search.failures.push("KUBEBUILDER_ASSETS: not set");
    return undefined;
  }
  const path = join(folder, search.tool.name);
  if (await isExecutable(path)) return found(search, path, "assets");
  search.failures.push(`KUBEBUILDER_ASSETS: ${path} is not there`);
  return undefined;
}

async function findOnPath(search: Search): Promise<ToolLocation | undefined> {
  const { tool } = search;
  const seen = new Set<string>();
  for (const folder of (search.env["PATH"] ?? "").split(delimiter).filter(isAbsolute)) {
    const path = join(folder, tool.name);
    if (!(await isExecutable(path))) continue;
    const real = await realpath(path);
    if (seen.has(real)) continue;
    seen.add(real);
    const fault = rejectVersion(tool, await readVersion(tool, path));
    if (fault === undefined) return found(search, path, "path");
    search.failures.push(`PATH: ${path} ${fault}`);
  }
  if (seen.size === 0) search.failures.push(`PATH: no ${tool.name}`);
  return undefined;
}

async function getCached(search: Search): Promise<ToolLocation | undefined> {
  const { tool } = search;
  const cache = toolCacheDirectory(search.env);
  const folder = join(cache, toolKey(tool, await readGoModule(search.goModule), search.platform));
  const path = join(folder, tool.name);
  if (await isExecutable(path)) return found(search, path, "cache");
  search.failures.push(`cache: ${path} is not there`);
  try {
    await using _lock = await waitForLock(search, join(folder, "lock"));
    // Whoever held the lock before us may have made it.
    if (await isExecutable(path)) return found(search, path, "cache");
    return (await download(search, path, cache)) ?? (await build(search, path));
  } catch (error) {
    search.signal?.throwIfAborted();
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    search.failures.push(`cache: ${folder} cannot be written: ${messageOf(error)}`);
    return undefined;
  }
}

async function waitForLock(search: Search, directory: string): Promise<AsyncDisposable> {
  const { tool, signal } = search;
  let progress: Progress | undefined;
  try {
    return await acquireProcessLock({
      directory,
      doing: `getting ${tool.name} ${tool.version}`,
      ...(signal === undefined ? {} : { signal }),
      onWait: (holder) => {
        const text = `waiting for process ${holder.pid}, which is ${holder.doing}`;
        if (progress === undefined) progress = new Progress(text, search.output);
        else progress.update(text);
      },
    });
  } finally {
    progress?.[Symbol.dispose]();
  }
}

async function download(search: Search, path: string, cache: string): Promise<ToolLocation | undefined> {
  const { tool, platform, env, signal } = search;
  const release = tool.release(platform);
  if (env["AXLE_TOOLS_OFFLINE"] === "1") {
    search.failures.push("download: switched off by AXLE_TOOLS_OFFLINE");
    return undefined;
  }
  if (release === undefined) {
    search.failures.push(`download: none is published for ${platform.os}/${platform.arch}`);
    return undefined;
  }
  const mirror = env["AXLE_TOOLS_DOWNLOAD_BASE"] ?? "";
  const host = new URL(mirror === "" ? release.url : mirror).host;
  // Nine tools must not wait for the same silent host nine times.
  const marker = join(cache, `unreachable-${host.replace(/[^\w.-]/g, "_")}`);
  if (await isYoungerThan(marker, unreachableForMs)) {
    search.failures.push(`download: ${host} did not answer a moment ago`);
    return undefined;
  }
  const what = `downloading ${tool.name} ${tool.version} (once; ${tool.purpose})`;
  using progress = new Progress(what, search.output);
  const onProgress = (received: number, total: number | undefined): void => {
    progress.update(`${what}, ${megabytes(received)}${total === undefined ? "" : ` of ${megabytes(total)}`} MB`);
  };
  try {
    await installFile(path, async (partial) => {
      await downloadRelease(release, partial, { mirror, onProgress, ...(signal === undefined ? {} : { signal }) });
    });
    progress.finish(`downloaded ${tool.name} ${tool.version}`);
    return found(search, path, "download");
  } catch (error) {
    if (!(error instanceof DownloadError)) throw error;
    if (error.code === "unreachable") await writeFile(marker, error.message);
    progress.finish(`${tool.name} was not downloaded: ${error.message}`);
    search.failures.push(`download: ${error.message}`);
    return undefined;
  }
}

async function build(search: Search, path: string): Promise<ToolLocation | undefined> {
  const { tool, goModule, env, signal } = search;
  const what = `building ${tool.name} ${tool.version} with Go (once, about ${roughly(tool.buildSeconds)}; ${tool.purpose})`;
  using progress = new Progress(what, search.output);
  try {
    await installFile(path, async (partial) => {
      await buildTool(tool, partial, { goModule, env, ...(signal === undefined ? {} : { signal }) });
    });
    progress.finish(`built ${tool.name} ${tool.version}`);
    return found(search, path, "build");
  } catch (error) {
    signal?.throwIfAborted();
    search.failures.push(`build: ${messageOf(error)}`);
    return undefined;
  }
}

function found(search: Search, path: string, source: ToolSource): ToolLocation {
  return { path, source, passedOver: search.failures };
}

function describeFailure(search: Search): string {
  const { tool, failures } = search;
  const usable = tool.oldest === undefined ? tool.version : `${tool.oldest} or newer`;
  return [
    `${tool.name} ${tool.version} (${tool.purpose}) cannot be had. Tried, in this order:`,
    ...failures.map((failure) => `  - ${failure.replaceAll("\n", "\n    ")}`),
    `Install Go (https://go.dev/dl) so that it can be built, or put ${tool.name} ${usable} on PATH,`,
    `or set ${overrideVariable(tool.name)} to its path.`,
  ].join("\n");
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    // Not there, or not for us: either way this one is not usable.
    return false;
  }
}

async function isYoungerThan(path: string, ageMs: number): Promise<boolean> {
  return await stat(path).then(
    (file) => Date.now() - file.mtimeMs < ageMs,
    () => false,
  );
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
