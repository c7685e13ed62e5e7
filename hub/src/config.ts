import { defineConfig } from "@axle/runtime/config.ts";
import type { Config } from "@axle/runtime/config.ts";
import { LOG_FORMATS, LOG_LEVELS } from "@axle/runtime/logger.ts";

/** Every option of the hub, once: flags, variables, defaults and the table of `axle config` come from here. */
export const HUB_CONFIG = defineConfig({
  repo: {
    type: "text",
    env: "AXLE_REPO",
    required: true,
    description: "URL or path of the Git repository that drives the fleet",
  },
  branch: {
    type: "text",
    env: "AXLE_BRANCH",
    description: "branch to follow; the repository's default branch when not given",
  },
  credentials: {
    type: "text",
    env: "AXLE_CREDENTIALS",
    description: "file of credentials for Git servers, chart repositories and registries",
  },
  data: {
    type: "text",
    env: "AXLE_DATA",
    default: ".axle",
    description: "folder for keys, the embedded NATS server's store and the checkout",
  },
  advertise: {
    type: "list",
    env: "AXLE_ADVERTISE",
    default: [],
    description: "names or addresses agents and people reach the hub by; the first one goes into join tokens",
  },
  listen: {
    type: "text",
    env: "AXLE_LISTEN",
    description: "address to listen on; 127.0.0.1, or all addresses when --advertise is given",
  },
  grpcPort: {
    type: "integer",
    env: "AXLE_GRPC_PORT",
    default: 7443,
    min: 0,
    max: 65_535,
    description: "gRPC (0: any free port)",
  },
  httpPort: {
    type: "integer",
    env: "AXLE_HTTP_PORT",
    default: 7480,
    min: 0,
    max: 65_535,
    description: "HTTP API, push hooks, /healthz and /metrics (0: any free port)",
  },
  httpPlain: {
    type: "flag",
    env: "AXLE_HTTP_PLAIN",
    default: false,
    description: "serve HTTP without TLS, for use behind an ingress that adds it",
  },
  natsPort: {
    type: "integer",
    env: "AXLE_NATS_PORT",
    default: 7422,
    min: 0,
    max: 65_535,
    description: "the embedded NATS server (0: any free port)",
  },
  natsWebsocketPort: {
    type: "integer",
    env: "AXLE_NATS_WEBSOCKET_PORT",
    min: 0,
    max: 65_535,
    description: "also serve agents over WebSocket on this port; off when not given",
  },
  natsUrl: {
    type: "list",
    env: "AXLE_NATS_URL",
    default: [],
    description: "use these NATS servers instead of an embedded one; set them up with `axle nats-config`",
  },
  natsCa: {
    type: "text",
    env: "AXLE_NATS_CA",
    description: "PEM file of the CA of those servers; the hub's own CA when not given",
  },
  natsReplicas: {
    type: "integer",
    env: "AXLE_NATS_REPLICAS",
    default: 1,
    min: 1,
    max: 5,
    description: "copies JetStream keeps of every stream",
  },
  pollMs: {
    type: "duration",
    env: "AXLE_POLL",
    default: 15_000,
    min: 100,
    description: "how often the repository is asked for new commits",
  },
  renderTimeoutMs: {
    type: "duration",
    env: "AXLE_RENDER_TIMEOUT",
    default: 30_000,
    min: 1_000,
    description: "longest run of one kustomize or helm process",
  },
  maxRepositoryBytes: {
    type: "bytes",
    env: "AXLE_MAX_REPOSITORY",
    default: 1024 ** 3,
    description: "largest tree of one commit that is checked out",
  },
  keepSourcesMs: {
    type: "duration",
    env: "AXLE_KEEP_SOURCES",
    default: 30 * 24 * 3_600_000,
    min: 24 * 3_600_000,
    description: "how long charts, other repositories, submodules and large files that nothing uses are kept on disk",
  },
  rememberSourcesMs: {
    type: "duration",
    env: "AXLE_REMEMBER_SOURCES",
    default: 90 * 24 * 3_600_000,
    min: 24 * 3_600_000,
    description:
      "how long the digest of a version that nothing uses is remembered; afterwards another one is not refused",
  },
  maxRepositoryFiles: {
    type: "integer",
    env: "AXLE_MAX_REPOSITORY_FILES",
    default: 200_000,
    min: 1,
    description: "most files and folders of one commit, with what stands beside it",
  },
  agentCredentialsMs: {
    type: "duration",
    env: "AXLE_AGENT_CREDENTIALS",
    default: 6 * 3_600_000,
    min: 60_000,
    description: "how long an agent's NATS credentials hold before they are renewed",
  },
  auditMaxAgeMs: {
    type: "duration",
    env: "AXLE_AUDIT_MAX_AGE",
    default: 400 * 24 * 3_600_000,
    min: 3_600_000,
    description: "how long the record of who did what is kept",
  },
  auditMaxBytes: {
    type: "bytes",
    env: "AXLE_AUDIT_MAX",
    default: 1024 ** 3,
    description: "most room for that record, of what the leader did and of the rest each; the oldest goes first",
  },
  logLevel: {
    type: "choice",
    env: "AXLE_LOG_LEVEL",
    choices: LOG_LEVELS,
    default: "info",
    description: "least important line that is logged",
  },
  logFormat: {
    type: "choice",
    env: "AXLE_LOG_FORMAT",
    choices: LOG_FORMATS,
    default: "auto",
    description: "auto is text on a terminal, JSON elsewhere",
  },
});

export type HubConfig = Config<typeof HUB_CONFIG>;
