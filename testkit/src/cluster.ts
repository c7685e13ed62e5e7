/** A Kubernetes cluster a test may use as it likes, wherever it comes from. */
export interface Cluster extends AsyncDisposable {
  readonly name: string;
  readonly kubeconfigPath: string;
  /** Where its API is, as `https://host:port`. */
  readonly server: string;
  /**
   * One API request; gives the parsed JSON. `T` is the caller's word for what it expects.
   * The body of a PATCH decides its kind: a string is server-side apply, an array a JSON patch, else a merge patch.
   * @throws KubeRequestError when the answer is not 2xx
   */
  request<T = unknown>(method: string, path: string, body?: unknown): Promise<T>;
  /** Runs kubectl against it and gives what it printed. @throws TestkitError `command-failed` with its message */
  kubectl(...args: readonly string[]): Promise<string>;
  /** The same with `input` on its standard input (`apply -f -`). */
  pipeToKubectl(input: string, ...args: readonly string[]): Promise<string>;
  /** What its servers wrote last, to show when a test fails. */
  logs(): string;
}

export interface ClusterOptions {
  /** Names the cluster in kubeconfigs and messages. */
  readonly name?: string;
  /** False for the API alone, which starts faster; default true. */
  readonly workloads?: boolean;
  /** Keep a log of every request (`auditEvents`), where the provider can. */
  readonly audit?: boolean;
  readonly featureGates?: Readonly<Record<string, boolean>>;
  readonly apiServerArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
}
