import type { Cluster, ClusterOptions } from "./cluster.ts";
import type { ClusterProvider } from "./cluster-provider.ts";
import { ContextCluster } from "./context-cluster.ts";
import { runKubectl } from "./run-kubectl.ts";
import { TestkitError } from "./testkit-error.ts";

/**
 * Clusters that exist already, one per context of a kubeconfig: a start takes the context that has the wanted name, else
 * the next that nobody uses. Nothing is removed from them at the end.
 */
export class ExistingClusters implements ClusterProvider {
  readonly kind = "existing";
  readonly fresh = false;
  readonly #kubeconfigPath: string;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #used = new Set<string>();

  constructor(kubeconfigPath: string, env: Readonly<Record<string, string | undefined>>) {
    this.#kubeconfigPath = kubeconfigPath;
    this.#env = env;
  }

  /** @throws TestkitError `no-cluster-left` when every context is in use */
  async start(options: ClusterOptions = {}): Promise<Cluster> {
    const args = ["config", "get-contexts", "--output=name"];
    const text = await runKubectl({ kubeconfigPath: this.#kubeconfigPath, args, env: this.#env });
    const contexts = text.split("\n").filter((name) => name !== "");
    const unused = contexts.filter((name) => !this.#used.has(name));
    const context = unused.find((name) => name === options.name) ?? unused[0];
    if (context === undefined) {
      const message = `AXLE_TEST_KUBECONFIG (${this.#kubeconfigPath}) has ${contexts.length} contexts and all are in use: a test that needs ${contexts.length + 1} clusters needs as many contexts`;
      throw new TestkitError("no-cluster-left", message);
    }
    this.#used.add(context);
    const release = async (): Promise<void> => {
      this.#used.delete(context);
    };
    try {
      return await ContextCluster.open({
        name: options.name ?? context,
        kubeconfigPath: this.#kubeconfigPath,
        context,
        env: this.#env,
        release,
      });
    } catch (error) {
      await release();
      throw error;
    }
  }
}
