import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findTool } from "@axle/tools/locate-tool.ts";
import { type SupervisedProcess, spawnSupervised } from "@axle/tools/spawn-supervised.ts";
import type { Cluster } from "./cluster.ts";
import { KubeRequester } from "./kube-request.ts";
import { runKubectl } from "./run-kubectl.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "./temporary-directory.ts";

export interface ContextClusterOptions {
  readonly name: string;
  /** A kubeconfig that kubectl can use, and which of its contexts. */
  readonly kubeconfigPath: string;
  readonly context: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Done last, to give back whatever the cluster was taken from. */
  readonly release: () => Promise<void>;
}

interface Parts {
  readonly options: ContextClusterOptions;
  readonly directory: TemporaryDirectory;
  readonly kubeconfigPath: string;
  readonly server: string;
  readonly proxy: SupervisedProcess;
  readonly requester: KubeRequester;
}

/**
 * A cluster that is known by its kubeconfig. Requests go through `kubectl proxy`, so every way to log in that kubectl knows
 * works here too.
 */
export class ContextCluster implements Cluster {
  readonly name: string;
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.name = parts.options.name;
    this.#parts = parts;
  }

  static async open(options: ContextClusterOptions): Promise<ContextCluster> {
    const { env, context } = options;
    const directory = await createTemporaryDirectory(`context-${options.name}`);
    try {
      const view = ["config", "view", "--raw", "--minify", "--flatten", `--context=${context}`];
      const from = { kubeconfigPath: options.kubeconfigPath, env };
      const text = await runKubectl({ ...from, args: view });
      const server = await runKubectl({ ...from, args: [...view, "--output=jsonpath={.clusters[0].cluster.server}"] });
      const kubeconfigPath = join(directory.path, "kubeconfig");
      await writeFile(kubeconfigPath, text, { mode: 0o600 });
      const { path } = await findTool("kubectl", { env });
      const args = [`--kubeconfig=${kubeconfigPath}`, "proxy", "--address=127.0.0.1", "--port=0"];
      const proxy = await spawnSupervised(path, args, { name: "kubectl proxy", env });
      const serving = await proxy.waitForLine(/Starting to serve on (127\.0\.0\.1:\d+)/);
      const requester = new KubeRequester({ server: `http://${serving[1] ?? ""}` });
      return new ContextCluster({ options, directory, kubeconfigPath, server, proxy, requester });
    } catch (error) {
      await directory[Symbol.asyncDispose]();
      throw error;
    }
  }

  get kubeconfigPath(): string {
    return this.#parts.kubeconfigPath;
  }

  get server(): string {
    return this.#parts.server;
  }

  async request<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    return await this.#parts.requester.request<T>(method, path, body);
  }

  async kubectl(...args: readonly string[]): Promise<string> {
    return await runKubectl({ kubeconfigPath: this.kubeconfigPath, args, env: this.#parts.options.env });
  }

  async pipeToKubectl(input: string, ...args: readonly string[]): Promise<string> {
    return await runKubectl({ kubeconfigPath: this.kubeconfigPath, args, input, env: this.#parts.options.env });
  }

  logs(): string {
    return this.#parts.proxy.logs.tail(100);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { requester, proxy, directory, options } = this.#parts;
    requester[Symbol.dispose]();
    await proxy.stop();
    await directory[Symbol.asyncDispose]();
    await options.release();
  }
}
