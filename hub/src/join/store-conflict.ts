/** Whether a KeyedStore refused a write because somebody else was first: the key exists, or its entry has moved on. */
export function isConflict(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "exists" || error.code === "conflict");
}
