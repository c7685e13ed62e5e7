import { inflateRaw } from "node:zlib";
import { SliceError, type SliceErrorCode } from "./slice-error.ts";

export interface InflateOptions {
  readonly maxBytes: number;
  /** What it is, for the error: `the slice`. */
  readonly what: string;
  /** When the bytes are not deflated data. */
  readonly corrupt: SliceErrorCode;
}

/** Deflated JSON as a value, never growing above `maxBytes` on the way. */
export async function inflateJson(data: Uint8Array, options: InflateOptions): Promise<unknown> {
  const { maxBytes, what, corrupt } = options;
  const plain = await new Promise<Buffer>((resolve, reject) => {
    inflateRaw(data, { maxOutputLength: maxBytes }, (error, result) => {
      if (error === null) resolve(result);
      else if ("code" in error && error.code === "ERR_BUFFER_TOO_LARGE") {
        reject(new SliceError("too-large", `${what} is larger than ${maxBytes} bytes`, { cause: error }));
      } else reject(new SliceError(corrupt, `${what} cannot be decompressed`, { cause: error }));
    });
  });
  try {
    return JSON.parse(plain.toString("utf8"));
  } catch (error) {
    throw new SliceError(corrupt, `${what} is not JSON`, { cause: error });
  }
}
