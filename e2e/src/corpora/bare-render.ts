import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import { isClusterScoped } from "@axle/core/manifest/kind-scope.ts";
import { idOf, refOf, type KubeObject } from "@axle/core/manifest/object.ts";
import { parseManifest } from "@axle/core/manifest/parse-manifest.ts";
import { findTool } from "@axle/tools/locate-tool.ts";

const run = promisify(execFile);
const SHIM = fileURLToPath(new URL("../../../cli/bin/axle.js", import.meta.url));
const MANY_BYTES = 256 * 1024 ** 2;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the `axle` command of this checkout until it ends. */
export function axle(cwd: string, ...args: readonly string[]): Promise<Ran> {
  return runProgram(process.execPath, [SHIM, ...args], cwd);
}

export async function kustomizeBuild(cwd: string, folder: string): Promise<Ran> {
  return runProgram((await findTool("kustomize")).path, ["build", folder], cwd);
}

export async function helmTemplate(
  cwd: string,
  name: string,
  chart: string,
  args: readonly string[] = [],
): Promise<Ran> {
  return runProgram((await findTool("helm")).path, ["template", name, `./${chart}`, "--include-crds", ...args], cwd);
}

async function runProgram(program: string, args: readonly string[], cwd: string): Promise<Ran> {
  const env = { ...process.env, NO_COLOR: "1" };
  try {
    return { code: 0, ...(await run(program, args, { cwd, env, maxBuffer: MANY_BYTES })) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof code !== "number") throw error;
    return { code, stdout: stdout ?? "", stderr: stderr ?? "" };
  }
}

/** Objects by id, as an agent is to have them: without tests, which nobody runs, and each in a namespace. */
export function objectsIn(text: string, namespace: string): ReadonlyMap<string, unknown> {
  const { objects, problems } = parseManifest(text, "output");
  if (problems.length > 0) throw new Error(problems[0]?.message);
  return new Map(
    objects.flatMap(({ object }) => {
      if (isTest(object)) return [];
      const placed = placeIn(object, namespace);
      return [[idOf(placed), withoutServerFields(placed)] as const];
    }),
  );
}

function isTest({ metadata }: KubeObject): boolean {
  return /\btest(-success|-failure)?\b/.test(metadata.annotations?.["helm.sh/hook"] ?? "");
}

function placeIn(object: KubeObject, namespace: string): KubeObject {
  const { group, kind } = refOf(object);
  if (object.metadata.namespace !== undefined || isClusterScoped(group, kind) !== false) return object;
  return { ...object, metadata: { ...object.metadata, namespace } };
}

/** What only an API server writes. */
function withoutServerFields(object: KubeObject): unknown {
  const { status: _status, metadata, ...rest } = object;
  const { creationTimestamp: _created, ...kept } = metadata;
  return { ...rest, metadata: kept };
}
