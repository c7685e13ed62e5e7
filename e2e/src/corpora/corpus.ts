import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { runGit } from "@axle/testkit/run-git.ts";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";

/** Where real repositories stand, one in each folder; undefined when nobody gave any. */
export const CORPORA: string | undefined =
  process.env["AXLE_TEST_CORPORA"] === undefined ? undefined : resolve(process.env["AXLE_TEST_CORPORA"]);

export async function corporaIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
}

/** A folder that a bare kustomize or helm renders. */
export interface Renderable {
  readonly path: string;
  readonly type: "kustomize" | "helm";
}

/** A real repository as a team would have it that begins with Axle: a copy, with files of theirs, committed. */
export interface AdoptedRepository extends AsyncDisposable {
  readonly directory: string;
  readonly renderables: readonly Renderable[];
}

export async function adopt(
  source: string,
  filesOf: (renderables: readonly Renderable[]) => Readonly<Record<string, string>>,
): Promise<AdoptedRepository> {
  const scratch = await createTemporaryDirectory("corpus");
  const directory = join(scratch.path, "repository");
  await cp(source, directory, { recursive: true, filter: (path) => !/(^|\/)\.git$/.test(path) });
  const renderables = await findRenderables(directory);
  for (const [path, text] of Object.entries(filesOf(renderables))) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
  await runGit(directory, ["init", "--quiet", "--initial-branch=main"]);
  await runGit(directory, ["add", "--all"]);
  await runGit(directory, ["commit", "--quiet", "--message", "adopt Axle"]);
  return { directory, renderables, [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose]() };
}

async function findRenderables(directory: string): Promise<readonly Renderable[]> {
  const found: Renderable[] = [];
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true });
    const names = new Set(entries.filter((entry) => entry.isFile()).map(({ name }) => name));
    const path = relative(directory, folder);
    const kustomization = ["kustomization.yaml", "kustomization.yml", "Kustomization"].find((name) => names.has(name));
    if (names.has("Chart.yaml")) return void found.push({ path, type: "helm" });
    if (kustomization !== undefined) {
      const text = await readFile(join(folder, kustomization), "utf8");
      if (!/^kind:\s*Component/m.test(text)) found.push({ path, type: "kustomize" });
    }
    for (const entry of entries) if (entry.isDirectory()) await visit(join(folder, entry.name));
  };
  await visit(directory);
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}
