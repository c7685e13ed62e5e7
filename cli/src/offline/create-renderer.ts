import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ProcessRenderer } from "@axle/hub/adapters/render/process-renderer.ts";
import { Sandbox } from "@axle/hub/adapters/render/sandbox.ts";
import type { Renderer } from "@axle/hub/ports.ts";
import { findTool } from "@axle/tools/locate-tool.ts";
import { ToolError } from "@axle/tools/tool-error.ts";
import { CliError } from "../cli-error.ts";
import type { CliContext } from "../context.ts";

/** The hub's own renderer, working in a folder that is gone when it is disposed. */
export interface OwnedRenderer extends AsyncDisposable {
  readonly renderer: Renderer;
}

/** Finds kustomize and helm as the hub does. Throws CliError "tool" that names every way that was tried. */
export async function createRenderer(context: Pick<CliContext, "env" | "signal">): Promise<OwnedRenderer> {
  const [kustomize, helm] = await Promise.all([toolPath("kustomize", context), toolPath("helm", context)]);
  const directory = await mkdtemp(join(tmpdir(), "axle-render-"));
  return {
    renderer: new ProcessRenderer({ kustomize, helm, sandbox: new Sandbox({ directory }), isTrusted: true }),
    // The renderer may still be trying out how well it can be fenced, in that folder.
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }),
  };
}

async function toolPath(name: string, { env, signal }: Pick<CliContext, "env" | "signal">): Promise<string> {
  try {
    return (await findTool(name, { env, signal })).path;
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    throw new CliError("tool", error.message, { remedy: `install ${name}, or put it in PATH`, cause: error });
  }
}
