import type { NatsIdentity } from "./nats-identity.ts";

export interface ServerConfigOptions {
  readonly host: string;
  readonly port: number;
  /** Also accepts WebSocket connections here, for agents behind proxies. */
  readonly webSocketPort?: number;
  /** Paths of PEM files, as the server sees them. */
  readonly tls: { readonly certFile: string; readonly keyFile: string };
  /** Where the server keeps streams (`jetstream/`) and claims (`claims/`). */
  readonly storeDir: string;
  readonly pidFile?: string;
  readonly serverName?: string;
}

/** Largest message: a slice or an app's record is far below, a pack is cut in chunks. */
export const MAX_PAYLOAD_BYTES = 8 * 1_024 * 1_024;

/**
 * Configuration of a nats-server in operator mode that knows the fleet's accounts. Contains no secret. `sync_interval:
 * always` because an acknowledged write must survive power loss; on a cluster of servers replication may stand for it.
 */
export function renderServerConfig(identity: NatsIdentity, options: ServerConfigOptions): string {
  const { host, port, webSocketPort, tls, storeDir, pidFile, serverName = "axle" } = options;
  const webSocket =
    webSocketPort === undefined
      ? ""
      : `
websocket {
  listen: ${quote(`${host}:${webSocketPort}`)}
  tls { cert_file: ${quote(tls.certFile)}, key_file: ${quote(tls.keyFile)} }
}
`;
  return `# nats-server for an Axle fleet: operator mode, the fleet's accounts, claims kept by the server itself.
server_name: ${quote(serverName)}
listen: ${quote(`${host}:${port}`)}
max_payload: ${MAX_PAYLOAD_BYTES}
max_pending: ${64 * 1_024 * 1_024}
${pidFile === undefined ? "" : `pid_file: ${quote(pidFile)}\n`}
tls {
  cert_file: ${quote(tls.certFile)}
  key_file: ${quote(tls.keyFile)}
  timeout: 5
}
${webSocket}
jetstream {
  store_dir: ${quote(`${storeDir}/jetstream`)}
  sync_interval: always
  max_file_store: ${1_024 ** 4}
}

operator: ${identity.operatorClaims()}
system_account: ${identity.systemAccountId}
resolver {
  type: full
  dir: ${quote(`${storeDir}/claims`)}
  allow_delete: false
  interval: "2m"
}
# Only what the server does not know yet: claims it was given later are newer and stay.
resolver_preload {
${[...identity.bootstrapAccounts()].map(([id, claims]) => `  ${id}: ${claims}`).join("\n")}
}
`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
