import { execFile } from "node:child_process";
import { join } from "node:path";
import type { Cluster, ClusterOptions } from "./cluster.ts";
import type { ClusterProvider } from "./cluster-provider.ts";
import { ContextCluster } from "./context-cluster.ts";
import { isProcessAlive } from "./process-alive.ts";
import { createTemporaryDirectory } from "./temporary-directory.ts";
import { TestkitError } from "./testkit-error.ts";

const prefix = "axle-test-";

/**
 * Clusters in containers, by the `kind` command. Their names carry our process id: what a killed test left running is
 * deleted when the next one starts.
 */
export class KindClusters implements ClusterProvider {
  readonly kind = "kind";
  readonly fresh = true;
  readonly #env: Readonly<Record<string, string | undefined>>;
  #counter = 0;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  async start(options: ClusterOptions = {}): Promise<Cluster> {
    await this.#deleteOrphans();
    this.#counter += 1;
    const name = `${prefix}${process.pid}-${this.#counter}`;
    const directory = await createTemporaryDirectory("kind");
    const kubeconfigPath = join(directory.path, "kubeconfig");
    const release = async (): Promise<void> => {
      await this.#run(["delete", "cluster", `--name=${name}`]);
      await directory[Symbol.asyncDispose]();
    };
    try {
      await this.#run(["create", "cluster", `--name=${name}`, `--kubeconfig=${kubeconfigPath}`, "--wait=180s"]);
      const context = `kind-${name}`;
      return await ContextCluster.open({
        name: options.name ?? name,
        kubeconfigPath,
        context,
        env: this.#env,
        release,
      });
    } catch (error) {
      await release();
      throw error;
    }
  }

  async #deleteOrphans(): Promise<void> {
    for (const name of (await this.#run(["get", "clusters"])).split("\n")) {
      const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
      if (pid !== undefined && !isProcessAlive(Number(pid))) await this.#run(["delete", "cluster", `--name=${name}`]);
    }
  }

  async #run(args: readonly string[]): Promise<string> {
    return await new Promise((resolve, reject) => {
      execFile("kind", [...args], { env: { ...this.#env }, timeout: 600_000 }, (cause, stdout, stderr) => {
        if (cause === null) {
          resolve(stdout);
          return;
        }
        const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
        const said = missing ? "it is not installed (https://kind.sigs.k8s.io)" : stderr.trim() || cause.message;
        reject(new TestkitError("command-failed", `kind ${args.join(" ")}: ${said}`, { cause }));
      });
    });
  }
}
