import { readFile } from "node:fs/promises";
import { writeFileAtomic } from "./atomic-file.ts";

/** `parse` checks the shape and throws what it likes. */
export class JsonFileError extends Error {
  override readonly name = "JsonFileError";
  readonly code: "unreadable" | "not-json" | "wrong-shape";
  readonly path: string;

  constructor(code: JsonFileError["code"], path: string, cause: unknown) {
    super(
      `${path}: ${code === "unreadable" ? "cannot be read" : code === "not-json" ? "is not JSON" : "does not hold what it should"}`,
      { cause },
    );
    this.code = code;
    this.path = path;
  }
}

/** Undefined when there is no such file; throws {@link JsonFileError} when there is one that cannot be used. */
export async function readJsonFile<T>(path: string, parse: (value: unknown) => T): Promise<T | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new JsonFileError("not-json", path, error);
  }
  try {
    return parse(value);
  } catch (error) {
    throw new JsonFileError("wrong-shape", path, error);
  }
}

/** Atomic and durable, mode 0600 unless told otherwise. */
export function writeJsonFile(path: string, value: unknown, mode = 0o600): Promise<void> {
  return writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`, mode);
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new JsonFileError("unreadable", path, error);
  }
}
