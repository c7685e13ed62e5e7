import type { SourceError } from "./source-error.ts";

/** What was to be mounted cannot stand in a snapshot; everything else can. */
export class MountError extends Error {
  override readonly name = "MountError";
  /** Folder of the snapshot. */
  readonly mount: string;
  readonly error: SourceError;

  constructor(mount: string, error: SourceError) {
    super(error.message, { cause: error });
    this.mount = mount;
    this.error = error;
  }
}
