const blockBytes = 512;

/** Finds one file in an unpacked tar archive, or undefined when it has none of that path. A leading `./` does not count. */
export function readTarMember(archive: Buffer, path: string): Buffer | undefined {
  let at = 0;
  let longName: string | undefined;
  while (at + blockBytes <= archive.length) {
    const header = archive.subarray(at, at + blockBytes);
    if (header[0] === 0) return undefined;
    const size = Number.parseInt(field(header, 124, 12), 8);
    if (!Number.isInteger(size)) return undefined;
    const content = archive.subarray(at + blockBytes, at + blockBytes + size);
    const type = field(header, 156, 1);
    const prefix = field(header, 257, 5) === "ustar" ? field(header, 345, 155) : "";
    const name = longName ?? (prefix === "" ? field(header, 0, 100) : `${prefix}/${field(header, 0, 100)}`);
    // Type L holds the name of the file that follows, for names that do not fit.
    longName = type === "L" ? field(content, 0, size) : undefined;
    const isFile = type === "0" || type === "";
    if (isFile && name.replace(/^\.\//, "") === path) return content.length === size ? content : undefined;
    at += blockBytes + Math.ceil(size / blockBytes) * blockBytes;
  }
  return undefined;
}

function field(block: Buffer, start: number, length: number): string {
  const raw = block.subarray(start, start + length);
  const end = raw.indexOf(0);
  return raw
    .subarray(0, end < 0 ? length : end)
    .toString("utf8")
    .trim();
}
