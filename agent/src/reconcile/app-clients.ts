import type { KubeClient } from "../adapters/kube/kube-client.ts";

export interface AppClientsOptions {
  readonly client: KubeClient;
  /** The service account an app is applied as, `namespace/name`; undefined: our own. */
  readonly accountOf: (app: string) => string | undefined;
}

/** In whose name each app is written. What the account may not do, the app may not. */
export class AppClients {
  readonly #options: AppClientsOptions;
  readonly #clients = new Map<string, KubeClient>();

  constructor(options: AppClientsOptions) {
    this.#options = options;
  }

  of(app: string): KubeClient {
    const { client, accountOf } = this.#options;
    const account = accountOf(app);
    if (account === undefined) return client;
    const known = this.#clients.get(account) ?? client.as(`system:serviceaccount:${account.replace("/", ":")}`);
    this.#clients.set(account, known);
    return known;
  }
}
