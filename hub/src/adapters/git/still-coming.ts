import { SourceError } from "../../sources/source-error.ts";

/** It takes longer than the hub waits, and goes on. */
export class StillComing extends SourceError {
  constructor(what: string) {
    super("unreachable", what);
  }
}

/** Whether what went wrong is only, at the bottom of it, that nobody waited. */
export function isStillComing(error: unknown): boolean {
  return error instanceof StillComing || (error instanceof Error && isStillComing(error.cause));
}
