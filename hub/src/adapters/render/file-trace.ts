import { access, chmod, constants, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";

const PLACES = ["/usr/bin/strace", "/bin/strace", "/usr/local/bin/strace"];

/**
 * What the kernel was asked of a path. `seen`: it was opened or looked at, and is there. `listed`: a folder's entries were
 * read. `missing`: nothing is there.
 */
export type Look = "seen" | "listed" | "missing";

/** For tests: runs a program under strace, and tells every path it, and all it starts, asked the kernel for. */
export interface FileTrace {
  /** Takes the program's place. */
  readonly program: string;
  /** Absolute paths since the last time. */
  take(): Promise<ReadonlyMap<string, ReadonlySet<Look>>>;
}

export async function traceFiles(program: string, folder: string): Promise<FileTrace> {
  const strace = await findStrace();
  const traces = join(folder, `traces-${basename(program)}`);
  const wrapper = join(folder, basename(program));
  await mkdir(traces, { recursive: true });
  // Renderers may run as another user.
  await chmod(traces, 0o777);
  // Every process and thread writes a file of its own, so that no line is torn by another.
  const line = `exec ${strace} -ff -y -qq -e trace=%file,getdents64 -e signal=none -o ${traces}/$$ ${program} "$@"`;
  await writeFile(wrapper, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  return {
    program: wrapper,
    take: async () => {
      const looks = new Map<string, Set<Look>>();
      for (const name of await readdir(traces)) {
        for (const line of (await readFile(join(traces, name), "utf8")).split("\n")) note(looks, line);
        await rm(join(traces, name));
      }
      return looks;
    },
  };
}

async function findStrace(): Promise<string> {
  for (const path of PLACES) {
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  throw new Error("this test traces renderers with strace, which is not installed; install the package strace");
}

/** The call, the folder it is relative to, the path, and what the kernel said. */
const CALL = /^(\w+)\((?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)".* = (-1 E\w+|-?\d+)/;
const LISTING = /^getdents64\(\d+<([^>]*)>/;

function note(looks: Map<string, Set<Look>>, line: string): void {
  const add = (path: string, look: Look): void => void looks.set(path, (looks.get(path) ?? new Set()).add(look));
  const listed = LISTING.exec(line)?.[1];
  if (listed !== undefined) return add(listed, "listed");
  const [, call, base, path, result] = CALL.exec(line) ?? [];
  if (call === undefined || path === undefined || result === undefined) {
    if (/^\w+\(.*"/.test(line) && !line.startsWith("getcwd("))
      throw new Error(`cannot read this line of strace: ${line}`);
    return;
  }
  if (base === undefined && !path.startsWith("/")) {
    throw new Error(`nobody knows what this path is relative to: ${line}`);
  }
  add(resolve(base ?? "/", path), /ENOENT|ENOTDIR/.test(result) ? "missing" : "seen");
}
