import { z } from "zod";
import { ADOPTION_POLICIES, DELETION_POLICIES } from "./app.ts";
import { branchPatternFault, writtenRefFault } from "./branch-pattern.ts";
import { parseCel } from "../health/cel-expression.ts";
import { parseCelFields } from "../health/cel-fields.ts";
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
import { releaseNameFault } from "./label-syntax.ts";
import { chartRepositoryFault, chartVersionFault, gitUrlFault } from "./source-address.ts";

/** The one version of our kinds there is. */
export const CONTRACT_API_VERSION = "axle.dev/v1";

const path = z.string().min(1);
const values = z.record(z.string(), z.unknown());
const annotations = z.record(z.string(), z.string()).optional().describe("Free for your own tools; not read.");
const apiVersion = z.literal(CONTRACT_API_VERSION);

const sync = z
  .strictObject({
    mode: z.enum(["auto", "observe"]).optional().describe("auto applies; observe only reports what it would do."),
    prune: z
      .union([z.boolean(), z.literal("before")])
      .optional()
      .describe(
        "Delete what the app no longer declares: once the app is healthy (true), or before it is applied (before).",
      ),
    deletion: z
      .enum(DELETION_POLICIES)
      .optional()
      .describe(
        "How objects go that leave Git: their dependents after them (background, the default) or before (foreground), or not at all (orphan). An object's own annotation axle.dev/deletion wins.",
      ),
    selfHeal: z.boolean().optional().describe("Undo changes made by hand; false only reports them."),
    force: z.boolean().optional().describe("Recreate an object whose immutable field changed."),
    adopt: z
      .enum(ADOPTION_POLICIES)
      .optional()
      .describe(
        "Which existing objects the app may take over: none (MustMatch), those nobody claims (AdoptIfNoInventory, the default), also those of Flux, Argo CD, Helm or another Axle (AdoptAll).",
      ),
    createNamespace: z
      .boolean()
      .optional()
      .describe("Make the app's namespace where it is missing and no app declares it. It is never deleted."),
    unknownFields: z
      .enum(["report", "remove"])
      .optional()
      .describe("What is done about containers, ports and the like that others add; report is the default."),
    serviceAccount: z
      .string()
      .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?\/[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/)
      .optional()
      .describe("The service account the app is applied as, namespace/name: what it may not do, the app may not."),
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
    regenerate: z
      .union([z.string(), z.number()])
      .optional()
      .describe(
        "What a chart makes anew each time it renders (passwords, keys, certificates) keeps the value first published; any change of this text or number renews it.",
      ),
  })
  .describe("How the app is kept in sync.");

const globText = z.string().min(1);
const cel = z.string().superRefine(
  refuse((text) => {
    const parsed = parseCel(text);
    return "problem" in parsed ? `no CEL expression that answers with true or false: ${parsed.problem}` : undefined;
  }),
);

const healthCheck = z
  .strictObject({
    group: z.string().optional().describe('API group, a glob, e.g. "*.example.com"; "" is the core group.'),
    kind: globText.describe('Kind, a glob, e.g. Ingress or "*".'),
    apiVersion: globText.optional().describe("Group and version, a glob, e.g. example.com/v1."),
    namespace: globText.optional().describe("Glob."),
    name: globText.optional().describe("Glob."),
    inProgress: cel.optional().describe("CEL; asked first. True: the object is Progressing."),
    failed: cel.optional().describe("CEL; asked second. True: the object is Degraded."),
    healthy: cel
      .optional()
      .describe(
        "CEL; asked last. True: the object is Healthy; false: it is Progressing. Left out: its kind's own rule.",
      ),
    current: cel.optional().describe("Another word for healthy, as Flux has it."),
  })
  .superRefine((value, context) => {
    if (value.healthy !== undefined && value.current !== undefined)
      context.addIssue({ code: "custom", message: "gives both healthy and current, which are one; keep healthy" });
    if ([value.inProgress, value.failed, value.healthy, value.current].every((part) => part === undefined))
      context.addIssue({ code: "custom", message: "asks nothing; give healthy, failed or inProgress" });
  })
  .describe("What health means for some objects, over what is known of their kind.");
const healthChecks = z.array(healthCheck);

const branchPattern = z.string().min(1).superRefine(refuse(branchPatternFault));
const refName = z.string().min(1).superRefine(refuse(writtenRefFault));

const layoutEntry = z
  .strictObject({
    path: path.describe("Folders that become apps; {x} stands for one path segment. {app} is the app's name."),
    branch: branchPattern
      .optional()
      .describe("Take the folders from this branch; {x} stands for text without a slash and counts like one of path."),
    ref: refName.optional().describe("Take the folders from this branch, tag or commit of the repository."),
    app: capturedDnsLabel.optional().describe("The app's name where the path does not capture {app}."),
    exclude: z.array(path).optional().describe("Globs of folders this entry leaves alone."),
    clusters: capturedSelector,
    namespace: capturedDnsLabel.optional().describe("For objects that name none."),
    labels: z.record(labelKey, capturedLabelValue).optional().describe("Labels of the app."),
  })
  .superRefine(({ branch, ref }, context) => {
    if (branch !== undefined && ref !== undefined)
      context.addIssue({ code: "custom", path: ["ref"], message: "gives both branch and ref; keep one" });
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
        guards: z
          .strictObject({
            plainSecrets: z
              .enum(["allow", "warn", "deny"])
              .optional()
              .describe("Secrets that stand in the repository in the clear; those SOPS encrypted are not meant."),
          })
          .optional()
          .describe("What the fleet lets pass."),
        kustomize: z
          .strictObject({
            loadRestrictor: z
              .enum(["rootOnly", "none"])
              .optional()
              .describe(
                "Which files a kustomization may name: those in its own folder and below (rootOnly, kustomize's default), or any of the repository (none, as Flux has it).",
              ),
          })
          .optional()
          .describe("How kustomize is run."),
        defaults: z
          .strictObject({
            sync: sync.optional(),
            healthChecks: healthChecks.optional().describe("For all apps, after their own."),
          })
          .optional()
          .describe("What an app that says nothing gets."),
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
    ref: refName
      .optional()
      .describe("Another branch, tag or commit of the repository the source is in, instead of source.ref."),
    namespace: dnsLabel.optional(),
    values: values.optional().describe("Helm values, merged over those before."),
    valuesFiles: z
      .array(path)
      .optional()
      .describe("Helm values files, relative to this file, each over the one before; under the values beside them."),
    patches: z.array(patch).optional(),
  })
  .describe("What differs on some clusters.");

const gitSource = z
  .strictObject({
    url: z.string().superRefine(refuse(gitUrlFault)).describe("https:// or ssh:// address, or user@host:path."),
    ref: refName.describe("Branch, tag or commit."),
  })
  .describe("Another Git repository; the hub's configuration holds the credentials.");

const source = z
  .strictObject({
    path: path
      .optional()
      .describe(
        "Folder with manifests, a kustomization or a chart, relative to this file; / is the root of the repository. With git, relative to the root of that repository.",
      ),
    ref: refName
      .optional()
      .describe("Take path from this branch, tag or commit of the repository instead of from this commit."),
    git: gitSource.optional(),
    chart: z
      .strictObject({
        repository: z.string().superRefine(refuse(chartRepositoryFault)).describe("https:// or oci:// address."),
        name: z.string().min(1),
        version: z.string().superRefine(refuse(chartVersionFault)).describe("An exact version."),
      })
      .optional(),
  })
  .superRefine((value, context) => {
    const issue = (message: string): void => context.addIssue({ code: "custom", message });
    const { path: folder, ref, git, chart } = value;
    if (folder === undefined && git === undefined && chart === undefined)
      issue("names no source; give path, git or chart");
    if (chart !== undefined && (folder !== undefined || git !== undefined || ref !== undefined))
      issue("names a chart and something else; keep one");
    if (git !== undefined && ref !== undefined) issue("gives ref beside git; write it as git.ref");
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

const ignoreRule = z
  .strictObject({
    group: z.string().optional().describe('API group; "" is the core group.'),
    kind: z.string().min(1).optional(),
    name: z.string().min(1).optional().describe("A glob."),
    namespace: z.string().min(1).optional().describe("A glob."),
    jsonPointers: z
      .array(
        z
          .string()
          .superRefine(
            refuse((text) =>
              /^(\/([^~/]|~[01])+)+$/.test(text)
                ? undefined
                : `"${text}" is no JSON pointer; write for example /spec/replicas or /spec/template/spec/containers/*/image`,
            ),
          ),
      )
      .optional()
      .describe("Fields; * stands for every item of a list."),
    celPaths: z
      .array(
        z.string().superRefine(
          refuse((text) => {
            const parsed = parseCelFields(text);
            return "problem" in parsed ? `no CEL expression that selects fields: ${parsed.problem}` : undefined;
          }),
        ),
      )
      .optional()
      .describe(
        "Fields, in CEL: members, filter and map, e.g. spec.template.spec.containers.filter(c, c.name == 'proxy').map(c, c.image).",
      ),
    managers: z.array(z.string().min(1)).optional().describe("Whatever these field managers set."),
  })
  .superRefine((rule, context) => {
    if ((rule.jsonPointers ?? rule.celPaths ?? rule.managers) !== undefined) return;
    context.addIssue({ code: "custom", message: "ignores nothing; give jsonPointers, celPaths or managers" });
  })
  .describe("Fields of some objects that others may change.");

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
      valuesFiles: z
        .array(path)
        .optional()
        .describe("Helm values files, relative to this file, each over the one before; under the values beside them."),
      releaseName: z
        .string()
        .superRefine(refuse(releaseNameFault))
        .optional()
        .describe("Helm's name of the release, which charts put into the names of objects; the App's name by default."),
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
      ignoreDifferences: z.array(ignoreRule).optional().describe("Fields that others may change."),
      healthChecks: healthChecks.optional().describe("What health means for objects of this app, in CEL."),
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
export type HealthCheckDocument = z.infer<typeof healthCheck>;
