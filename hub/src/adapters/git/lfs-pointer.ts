/** What stands in the repository in place of a large file. */
export interface LfsPointer {
  /** SHA-256 of the content, hex. */
  readonly oid: string;
  readonly size: number;
}

/** Nothing smaller is a pointer, and no pointer is larger (the format's own limit). */
export const POINTER_BYTES = { min: 100, max: 1024 } as const;

/** Reads a pointer file; undefined for anything else, a file that only begins like one among it. */
export function parseLfsPointer(content: Buffer): LfsPointer | undefined {
  if (content.length < POINTER_BYTES.min || content.length > POINTER_BYTES.max) return undefined;
  const lines = content.toString("utf8").replace(/\n$/, "").split("\n");
  if (lines[0] !== "version https://git-lfs.github.com/spec/v1") return undefined;
  const oid = lines.map((line) => /^oid sha256:([0-9a-f]{64})$/.exec(line)?.[1]).find(Boolean);
  const size = lines.map((line) => /^size (\d{1,15})$/.exec(line)?.[1]).find(Boolean);
  const isPlain = lines.slice(1).every((line) => /^(oid|size) \S+$/.test(line));
  return oid === undefined || size === undefined || !isPlain ? undefined : { oid, size: Number(size) };
}

/** Whether a `.gitattributes` file lets LFS have files. */
export function namesLfs(attributes: string): boolean {
  return attributes.split("\n").some((line) => !line.trimStart().startsWith("#") && /\sfilter=lfs(\s|$)/.test(line));
}
