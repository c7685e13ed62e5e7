import { z } from "zod";
import { parseDuration } from "./duration.ts";
import {
  capturedDnsLabel,
  capturedLabelValue,
  capturedSelector,
  dnsLabel,
  givenLabels,
  labelKey,
  refuse,
  selector,
} from "./selector-schema.ts";

/** The one version of our kinds there is. */
export const CONTRACT_API_VERSION = "axle.dev/v1";

const path = z.string().min(1);
const values = z.record(z.string(), z.unknown());
const annotations = z.record(z.string(), z.string()).optional().describe("Free for your own tools; not read.");
const apiVersion = z.literal(CONTRACT_API_VERSION);

const sync = z
  .strictObject({
    mode: z.enum(["auto", "observe"]).optional().describe("auto applies; observe only reports what it would do."),
    prune: z.boolean().optional().describe("Delete what the app no longer declares."),
    selfHeal: z.boolean().optional().describe("Undo changes made by hand; false only reports them."),
    force: z.boolean().optional().describe("Recreate an object whose immutable field changed."),
    timeout: z
      .string()
      .superRefine(
        refuse((text) =>
          parseDuration(text) === undefined
            ? `"${text}" is no duration; write for example 90s, 5m or 1h30m`
            : undefined,
        ),
      )
      .optional()
      .describe("How long the app may take to become healthy, e.g. 5m."),
  })
  .describe("How the app is kept in sync.");

const layoutEntry = z
  .strictObject({
    path: path.describe("Folders that become apps; {x} stands for one path segment. {app} is the app's name."),
    app: capturedDnsLabel.optional().describe("The app's name where the path does not capture {app}."),
    exclude: z.array(path).optional().describe("Globs of folders this entry leaves alone."),
    clusters: capturedSelector,
    namespace: capturedDnsLabel.optional().describe("For objects that name none."),
    labels: z.record(labelKey, capturedLabelValue).optional().describe("Labels of the app."),
  })
  .describe("A kind of folder that becomes an app.");

export const fleetSchema = z
  .strictObject({
    apiVersion,
    kind: z.literal("Fleet"),
    metadata: z.strictObject({ name: dnsLabel, labels: givenLabels.optional(), annotations }),
    spec: z
      .strictObject({
        clusterFiles: z.array(path).optional().describe("Globs of the files that hold Cluster objects."),
        layout: z
          .array(layoutEntry)
          .optional()
          .describe("Folders that become apps; the first entry that matches a folder takes it."),
        defaults: z.strictObject({ sync: sync.optional() }).optional().describe("What an app that says nothing gets."),
      })
      .optional(),
  })
  .describe("axle.yaml at the root of the repository.");

export const clusterSchema = z
  .strictObject({
    apiVersion,
    kind: z.literal("Cluster"),
    metadata: z.strictObject({
      name: dnsLabel,
      labels: givenLabels.optional().describe("Win over those of the join token, label by label."),
      annotations,
    }),
    spec: z
      .strictObject({ values: values.optional().describe("For Helm (below the App's own values) and for substitute.") })
      .optional(),
  })
  .describe("What the repository says of a cluster.");

const patch = z
  .strictObject({
    target: z
      .strictObject({
        group: z.string().optional(),
        version: z.string().optional(),
        kind: z.string().optional(),
        name: z.string().optional(),
        namespace: z.string().optional(),
        labelSelector: z.string().optional(),
        annotationSelector: z.string().optional(),
      })
      .optional()
      .describe("Which objects; what is left out matches everything. Names are regular expressions."),
    patch: z.string().min(1).describe("A strategic merge patch or a JSON 6902 patch, as text."),
  })
  .describe("A patch as Kustomize takes it.");

const override = z
  .strictObject({
    clusters: selector,
    path: path.optional().describe("Another folder instead of source.path, relative to this file."),
    namespace: dnsLabel.optional(),
    values: values.optional().describe("Helm values, merged over those before."),
    valuesFiles: z.array(path).optional().describe("Helm values files, relative to this file; below all values."),
    patches: z.array(patch).optional(),
  })
  .describe("What differs on some clusters.");

const source = z
  .strictObject({
    path: path
      .optional()
      .describe(
        "Folder with manifests, a kustomization or a chart, relative to this file; / is the root of the repository.",
      ),
    chart: z
      .strictObject({
        repository: z.string().min(1).describe("https:// or oci:// address."),
        name: z.string().min(1),
        version: z.string().min(1).describe("An exact version."),
      })
      .optional(),
  })
  .superRefine((value, context) => {
    const given = [value.path, value.chart].filter((part) => part !== undefined).length;
    if (given === 0) context.addIssue({ code: "custom", message: "names no source; give path or chart" });
    if (given > 1) context.addIssue({ code: "custom", message: "names both path and chart; keep one" });
  })
  .describe("Where the app's objects come from.");

const substituteName = z.string().superRefine(
  refuse((name) => {
    if (name === "true" || name === "false")
      return "YAML reads y, n, yes, no, on and off as booleans; put the name in quotes";
    return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? undefined : `"${name}" is no name: letters, digits and '_'`;
  }),
);
const substitutePath = z
  .string()
  .superRefine(
    refuse((text) =>
      /^cluster\.(name|id|labels\..+|values\.[^.]+(\.[^.]+)*)$/.test(text)
        ? undefined
        : `"${text}" leads nowhere; write cluster.name, cluster.labels.<label> or cluster.values.<field>`,
    ),
  );

export const appSchema = z
  .strictObject({
    apiVersion,
    kind: z.literal("App"),
    metadata: z.strictObject({ name: dnsLabel, labels: givenLabels.optional(), annotations }),
    spec: z.strictObject({
      source,
      namespace: dnsLabel.optional().describe("For objects that name none."),
      clusters: selector,
      values: values.optional().describe("Helm values."),
      valuesFiles: z.array(path).optional().describe("Helm values files, relative to this file; below all values."),
      overrides: z.array(override).optional().describe("Every entry that matches a cluster applies, in order."),
      substitute: z
        .record(substituteName, substitutePath)
        .optional()
        .describe("What ${NAME} in the objects stands for on each cluster; only names listed here are replaced."),
      dependsOn: z.array(dnsLabel).optional().describe("Apps that must be healthy first, on clusters that run them."),
      sync: sync.optional(),
      rollout: z
        .union([z.string().min(1), values])
        .optional()
        .describe("Name of a Rollout, or one in place."),
      ignoreDifferences: z.array(values).optional().describe("Fields that others may change."),
      healthChecks: z.array(values).optional().describe("What healthy means for custom resources."),
    }),
  })
  .describe("An app: what to deliver, and to which clusters.");

/** Every kind of ours that may stand in a repository. */
export const CONTRACT_SCHEMAS = { Fleet: fleetSchema, Cluster: clusterSchema, App: appSchema } as const;
export type ContractKind = keyof typeof CONTRACT_SCHEMAS;

export type FleetDocument = z.infer<typeof fleetSchema>;
export type ClusterDocument = z.infer<typeof clusterSchema>;
export type AppDocument = z.infer<typeof appSchema>;
export type SyncDocument = z.infer<typeof sync>;
