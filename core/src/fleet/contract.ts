import type { App } from "./app.ts";
import type { ClusterFile } from "./cluster.ts";
import type { Fleet } from "./fleet.ts";
import type { Problem } from "./problem.ts";

/** What a repository says, read from `axle.yaml`, Cluster and App files and the folders its layout finds. */
export interface Contract {
  /** Undefined when `axle.yaml` is missing or cannot be read; `problems` then refuse the commit. */
  readonly fleet: Fleet | undefined;
  /** Sorted by name. */
  readonly clusterFiles: readonly ClusterFile[];
  /** Sorted by name; App files and layout folders alike. */
  readonly apps: readonly App[];
  /** In the order of files and lines. Those of scope "app" name an app that is in `apps` and must not move. */
  readonly problems: readonly Problem[];
}
