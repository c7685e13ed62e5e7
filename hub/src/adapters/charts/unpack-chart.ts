import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { extract } from "tar-stream";
import type { Header } from "tar-stream";
import { parseYaml, YamlError } from "@axle/core/manifest/parse-yaml.ts";
import { SourceError } from "../../sources/source-error.ts";
import type { SourceFile } from "../../source-ports.ts";
import type { ChartLimits } from "./chart-limits.ts";

const gunzipped = promisify(gunzip);

export interface UnpackOptions {
  /** What the package must hold. */
  readonly name: string;
  readonly version: string;
  readonly limits: Pick<ChartLimits, "unpackedBytes" | "fileBytes" | "files">;
}

/**
 * The files of a packaged chart, without its own folder. Whoever packed it is not trusted: names that leave the folder,
 * links, devices, names that are there twice, and more than the limits throw SourceError `unsafe` or `too-large`, and so
 * does a chart of another name or version.
 */
export async function unpackChart(
  bytes: Uint8Array,
  options: UnpackOptions,
  signal: AbortSignal,
): Promise<readonly SourceFile[]> {
  const files = new Map<string, SourceFile>();
  for await (const { header, content } of readArchive(bytes, options.limits, signal)) {
    const path = pathInChart(header, options.name);
    if (path === undefined) continue;
    if (files.has(path)) throw new SourceError("unsafe", `the package holds ${path} twice`);
    files.set(path, { path, executable: ((header.mode ?? 0) & 0o111) !== 0, content });
    if (files.size > options.limits.files) {
      throw new SourceError("too-large", `the package holds more than ${options.limits.files} files`);
    }
  }
  refuseFileAsFolder(files);
  checkChartFile(files.get("Chart.yaml"), options);
  return [...files.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

interface ArchiveEntry {
  readonly header: Header;
  readonly content: Buffer;
}

async function* readArchive(
  bytes: Uint8Array,
  limits: UnpackOptions["limits"],
  signal: AbortSignal,
): AsyncGenerator<ArchiveEntry> {
  const archive = extract();
  try {
    archive.end(await unpack(bytes, limits.unpackedBytes));
    for await (const entry of archive) {
      signal.throwIfAborted();
      const { header } = entry;
      if ((header.size ?? 0) > limits.fileBytes) {
        const message = `${header.name} in the package has ${header.size} bytes; ${limits.fileBytes} are the limit`;
        throw new SourceError("too-large", message);
      }
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      yield { header, content: Buffer.concat(chunks) };
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SourceError) throw error;
    throw noPackage(error);
  } finally {
    archive.destroy();
  }
}

/** A bomb is a megabyte that unpacks to gigabytes: what is beyond the limit is never made. */
async function unpack(bytes: Uint8Array, maxBytes: number): Promise<Buffer> {
  try {
    return await gunzipped(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    if (error instanceof RangeError) {
      throw new SourceError("too-large", `the package unpacks to more than ${maxBytes} bytes`, { cause: error });
    }
    throw noPackage(error);
  }
}

function noPackage(error: unknown): SourceError {
  const message = error instanceof Error ? error.message : String(error);
  return new SourceError("unsafe", `what was sent is no packaged chart (a gzipped tar archive): ${message}`, {
    cause: error,
  });
}

/** Undefined for what is no file of the chart: folders, and headers for the archive as a whole. */
function pathInChart(entry: Header, chart: string): string | undefined {
  // Helm on Windows has written these.
  const name = entry.name.replaceAll("\\", "/").replace(/^(\.\/)+/, "");
  const shown = JSON.stringify(name.slice(0, 200));
  if (entry.type === "symlink" || entry.type === "link") {
    throw new SourceError("unsafe", `${shown} in the package is a link; charts hold files only`);
  }
  const segments = name.replace(/\/+$/, "").split("/");
  const isUnsafe = segments.some(
    (segment) => segment === "" || segment === "." || segment === ".." || /^\.git$/i.test(segment),
  );
  if ((isUnsafe && name !== "") || /[\p{Cc}\ufffd]/u.test(name) || /^[A-Za-z]:/.test(name)) {
    throw new SourceError("unsafe", `the package holds ${shown}, which is no path that a chart may have`);
  }
  const [folder, ...rest] = segments;
  if (entry.type === "directory") return undefined;
  if (entry.type !== "file" && entry.type !== "contiguous-file") {
    throw new SourceError(
      "unsafe",
      `${shown} in the package is a ${entry.type ?? "thing of no known type"}; charts hold files only`,
    );
  }
  if (folder !== chart || rest.length === 0) {
    throw new SourceError("unsafe", `the package holds ${shown}; all of it must stand in the folder ${chart}`);
  }
  return rest.join("/");
}

function refuseFileAsFolder(files: ReadonlyMap<string, SourceFile>): void {
  for (const path of files.keys()) {
    for (let slash = path.indexOf("/"); slash > 0; slash = path.indexOf("/", slash + 1)) {
      const folder = path.slice(0, slash);
      if (files.has(folder)) throw new SourceError("unsafe", `the package holds ${folder} as a file and as a folder`);
    }
  }
}

function checkChartFile(file: SourceFile | undefined, { name, version }: UnpackOptions): void {
  if (file === undefined) throw new SourceError("unsafe", "the package holds no Chart.yaml");
  let chart: unknown;
  try {
    chart = parseYaml(Buffer.from(file.content).toString("utf8"))[0]?.value;
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw new SourceError("unsafe", `the Chart.yaml in the package cannot be read: ${error.message}`, { cause: error });
  }
  const found = typeof chart === "object" && chart !== null ? (chart as Readonly<Record<string, unknown>>) : {};
  if (found["name"] === name && found["version"] === version) return;
  const is = `${String(found["name"])} ${String(found["version"])}`;
  throw new SourceError("unsafe", `the package holds the chart ${is}, and ${name} ${version} was asked for`);
}
