import { type Config, defineConfig } from "@axle/runtime/config.ts";
import { LOG_FORMATS, LOG_LEVELS } from "@axle/runtime/logger.ts";

/** Every option of the agent, once: flags, variables, defaults and the table of `axle config` come from here. */
export const AGENT_CONFIG = defineConfig({
  token: {
    type: "text",
    env: "AXLE_JOIN_TOKEN",
    secret: true,
    description: "join token; needed until the agent has joined",
  },
  tokenFile: {
    type: "text",
    env: "AXLE_JOIN_TOKEN_FILE",
    description: "file that holds the join token",
  },
  name: {
    type: "text",
    env: "AXLE_CLUSTER_NAME",
    default: "",
    description: "name the cluster would like; the one the token names when not given",
  },
  kubeconfig: {
    type: "text",
    env: "AXLE_KUBECONFIG",
    description:
      "the cluster to work on; when not given, the one the agent runs in, else $KUBECONFIG or ~/.kube/config",
  },
  context: {
    type: "text",
    env: "AXLE_KUBE_CONTEXT",
    description: "context of the kubeconfig; its current one when not given",
  },
  data: {
    type: "text",
    env: "AXLE_AGENT_DATA",
    default: ".axle-agent",
    description: "folder for the encrypted cache and, outside a cluster, the identity",
  },
  healthPort: {
    type: "integer",
    env: "AXLE_HEALTH_PORT",
    min: 0,
    max: 65_535,
    description: "serve /healthz, /readyz and /metrics on this port (0: any free port); off when not given",
  },
  healthListen: {
    type: "text",
    env: "AXLE_HEALTH_LISTEN",
    default: "0.0.0.0",
    description: "address the health port listens on",
  },
  rereadMs: {
    type: "duration",
    env: "AXLE_REREAD",
    default: 5 * 60_000,
    min: 1_000,
    description: "how often the slice is read without being rung (jittered)",
  },
  verifyMs: {
    type: "duration",
    env: "AXLE_VERIFY",
    default: 10 * 60_000,
    min: 10_000,
    description: "how often everything is compared by a full dry-run, and version and nodes are looked up (jittered)",
  },
  leaseMs: {
    type: "duration",
    env: "AXLE_LEASE",
    default: 6_000,
    min: 1_000,
    description: "a second agent takes over when the first was silent for this long",
  },
  leaseRenewMs: {
    type: "duration",
    env: "AXLE_LEASE_RENEW",
    default: 2_000,
    min: 200,
    description: "how often the lease is renewed",
  },
  maxCacheBytes: {
    type: "bytes",
    env: "AXLE_MAX_CACHE",
    default: 256 * 1024 ** 2,
    description: "packs kept on the disk",
  },
  maxSliceBytes: {
    type: "bytes",
    env: "AXLE_MAX_SLICE",
    default: 32 * 1024 ** 2,
    description: "largest slice, opened",
  },
  maxPackBytes: {
    type: "bytes",
    env: "AXLE_MAX_PACK",
    default: 128 * 1024 ** 2,
    description: "largest pack, opened",
  },
  deniedKinds: {
    type: "text",
    env: "AXLE_DENIED_KINDS",
    default: "",
    description:
      "guardrail: kinds no app may have here, separated by commas (Secret, ClusterRole.rbac.authorization.k8s.io, *.cert-manager.io)",
  },
  deniedNamespaces: {
    type: "text",
    env: "AXLE_DENIED_NAMESPACES",
    default: "",
    description: "guardrail: namespaces no app may touch, separated by commas (kube-*)",
  },
  allowedNamespaces: {
    type: "text",
    env: "AXLE_ALLOWED_NAMESPACES",
    default: "",
    description: "guardrail: the only namespaces apps may touch, separated by commas; all when not given",
  },
  deletionBudget: {
    type: "integer",
    env: "AXLE_DELETION_BUDGET",
    min: 0,
    description: "guardrail: most objects the agent deletes in an hour; no limit when not given",
  },
  impersonateDefault: {
    type: "text",
    env: "AXLE_IMPERSONATE_DEFAULT",
    default: "",
    description:
      "service account, namespace/name, in whose name apps are applied that name none; the agent's own when not given",
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

export type AgentConfig = Config<typeof AGENT_CONFIG>;
