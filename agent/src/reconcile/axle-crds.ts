import type { KubeObject } from "@axle/core/manifest/object.ts";

export const AXLE_GROUP = "axle.dev";
export const AXLE_API_VERSION = "axle.dev/v1alpha1";
export const AXLE_NAMESPACE = "axle-system";

const text = { type: "string" } as const;
const integer = { type: "integer", format: "int64" } as const;
const sliceNumber = { type: "object", properties: { epoch: integer, n: integer } } as const;

const appStatus = {
  type: "object",
  properties: {
    revision: integer,
    commit: text,
    sync: text,
    health: text,
    message: text,
    objects: integer,
  },
} as const;

/** Where the agent remembers what it must not lose: one object named `agent`. */
const agentDefinition = defineKind({
  kind: "AxleAgent",
  plural: "axleagents",
  singular: "axleagent",
  columns: [
    { name: "Epoch", type: "integer", jsonPath: ".status.accepted.epoch" },
    { name: "Accepted", type: "integer", jsonPath: ".status.accepted.n" },
    { name: "Applied", type: "integer", jsonPath: ".status.applied.n" },
    { name: "Apps", type: "integer", jsonPath: ".status.apps" },
    { name: "Health", type: "string", jsonPath: ".status.health" },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
  spec: { cluster: { ...text, description: "Id of the cluster, given by the hub." } },
  status: {
    accepted: { ...sliceNumber, description: "The highest slice number accepted: nothing older is ever applied." },
    applied: { ...sliceNumber, description: "The last slice of which every app was applied." },
    apps: integer,
    health: text,
    strays: {
      ...integer,
      description:
        "Objects with our mark that no inventory has and no app declares: left in place, see the agent's log.",
    },
    deletions: {
      type: "array",
      "x-kubernetes-list-type": "atomic",
      items: { type: "object", properties: { atMs: integer, count: integer } },
      description: "Deletions by minute, for the deletion budget.",
    },
    usedApprovals: {
      type: "array",
      "x-kubernetes-list-type": "atomic",
      items: { type: "object", properties: { id: text, expiresAtMs: integer } },
    },
  },
});

/** What one app owns in the cluster, in parts when it is large, and how it stands. */
const inventoryDefinition = defineKind({
  kind: "AxleInventory",
  plural: "axleinventories",
  singular: "axleinventory",
  columns: [
    { name: "App", type: "string", jsonPath: ".spec.app" },
    { name: "Revision", type: "integer", jsonPath: ".status.revision" },
    { name: "Commit", type: "string", jsonPath: ".status.commit" },
    { name: "Sync", type: "string", jsonPath: ".status.sync" },
    { name: "Health", type: "string", jsonPath: ".status.health" },
    { name: "Objects", type: "integer", jsonPath: ".status.objects" },
    { name: "Message", type: "string", jsonPath: ".status.message", priority: 1 },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
  spec: {
    app: text,
    cluster: {
      ...text,
      description: "Id of the cluster whose agent wrote this; another agent's inventory is not ours to act on.",
    },
    part: { ...integer, description: "Counts from 0; only part 0 has a status." },
    serviceAccount: { ...text, description: "In whose name the app is applied, namespace/name; part 0 only." },
    since: { ...text, description: "Revision and commit with which the app came here; part 0 only." },
    prune: { type: "boolean", description: "Whether objects that leave Git are deleted; part 0 decides." },
    objects: {
      type: "array",
      "x-kubernetes-list-type": "atomic",
      items: text,
      description: "group/Kind/namespace/name of each object.",
    },
  },
  status: {
    ...appStatus.properties,
    settled: {
      type: "boolean",
      description: "Whether the app was ever applied and healthy here: until then, what it may replace is kept.",
    },
    hooks: {
      type: "object",
      additionalProperties: text,
      description: "Revision and commit at which each hook last succeeded: it does not run again for them.",
    },
  },
});

export const AXLE_CRDS: readonly KubeObject[] = [agentDefinition, inventoryDefinition];

interface KindDefinition {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly columns: readonly object[];
  readonly spec: Readonly<Record<string, object>>;
  readonly status: Readonly<Record<string, object>>;
}

function defineKind(definition: KindDefinition): KubeObject {
  const { kind, plural, singular, columns, spec, status } = definition;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${AXLE_GROUP}` },
    spec: {
      group: AXLE_GROUP,
      scope: "Namespaced",
      names: { kind, plural, singular, listKind: `${kind}List` },
      versions: [
        {
          name: "v1alpha1",
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: {
                spec: { type: "object", properties: spec },
                status: { type: "object", properties: status },
              },
            },
          },
          subresources: { status: {} },
          additionalPrinterColumns: columns,
        },
      ],
    },
  };
}
