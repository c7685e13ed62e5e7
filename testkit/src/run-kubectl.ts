import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { findTool } from "@axle/tools/locate-tool.ts";
import { TestkitError } from "./testkit-error.ts";

export interface KubectlCall {
  readonly kubeconfigPath: string;
  readonly args: readonly string[];
  readonly input?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Runs kubectl and gives what it printed. @throws TestkitError `command-failed` with its message */
export async function runKubectl(call: KubectlCall): Promise<string> {
  const { path } = await findTool("kubectl", { env: call.env });
  // Its discovery cache goes beside the kubeconfig, not into the home of who runs the tests.
  const env = {
    ...call.env,
    KUBECONFIG: call.kubeconfigPath,
    KUBECACHEDIR: `${dirname(call.kubeconfigPath)}/kubectl-cache`,
  };
  return await new Promise((resolve, reject) => {
    const options = { env, cwd: tmpdir(), maxBuffer: 256 << 20 };
    const child = execFile(path, [...call.args], options, (cause, stdout, stderr) => {
      if (cause === null) resolve(stdout);
      else
        reject(
          new TestkitError("command-failed", `kubectl ${call.args.join(" ")}: ${stderr.trim() || cause.message}`, {
            cause,
          }),
        );
    });
    // It may end before it has read everything, for instance when it refuses its arguments.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(call.input ?? "");
  });
}
