import * as z from "zod/mini";
import { ADOPTION_POLICIES, DELETION_POLICIES } from "../fleet/app.ts";
import { LEAVING_MODES, SLICE_FORMAT, type SliceBody, type SliceEnvelope } from "./slice.ts";

/** Counts are JSON numbers; one that is not exact could compare wrongly. */
const count = z.number().check(z.int(), z.nonnegative());
const name = z.string().check(z.minLength(1));
const substitutions = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
/** Expressions stay text here: one that a newer hub allows and this agent cannot read must not refuse the slice. */
const healthCheck = z.object({
  group: z.exactOptional(z.string()),
  kind: name,
  apiVersion: z.exactOptional(z.string()),
  namespace: z.exactOptional(z.string()),
  name: z.exactOptional(z.string()),
  inProgress: z.exactOptional(z.string()),
  failed: z.exactOptional(z.string()),
  healthy: z.exactOptional(z.string()),
});
const sliceNumber = z.object({ epoch: count, n: count });
const digest = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const base64 = z.string().check(z.regex(/^[A-Za-z0-9+/]+={0,2}$/));

const ignoreRule = z.object({
  group: z.exactOptional(z.string()),
  kind: z.exactOptional(name),
  name: z.exactOptional(name),
  namespace: z.exactOptional(name),
  jsonPointers: z.exactOptional(z.array(name)),
  celPaths: z.exactOptional(z.array(name)),
  managers: z.exactOptional(z.array(name)),
});

const settings = z.object({
  sync: z.object({
    mode: z.enum(["auto", "observe"]),
    prune: z.boolean(),
    pruneFirst: z.exactOptional(z.boolean()),
    deletion: z.exactOptional(z.enum(DELETION_POLICIES)),
    selfHeal: z.boolean(),
    force: z.boolean(),
    createNamespace: z.exactOptional(z.boolean()),
    adopt: z.exactOptional(z.enum(ADOPTION_POLICIES)),
    unknownFields: z.exactOptional(z.enum(["report", "remove"])),
    serviceAccount: z.exactOptional(name),
    timeoutMs: count,
  }),
  dependsOn: z.array(name),
  namespace: z.exactOptional(name),
  ignoreDifferences: z.array(ignoreRule),
  healthChecks: z.array(healthCheck),
});

const app = z.object({
  name,
  revision: count,
  commit: z.string(),
  packs: z.array(z.object({ digest, key: base64, size: count, chunks: count })),
  substitutions,
  settings,
  held: z.exactOptional(z.string()),
});

/** Fields that are not known are dropped: a newer hub may add some within one format. */
const sliceBody = z.object({
  format: z.literal(SLICE_FORMAT),
  cluster: name,
  number: sliceNumber,
  apps: z.array(app),
  approvals: z.array(z.object({ id: name, app: name, hash: name, expiresAtMs: count })),
  deletionHolds: z.array(z.object({ app: name, reason: z.string() })),
  leaving: z.exactOptional(z.object({ mode: z.enum(LEAVING_MODES), id: name, expiresAtMs: count })),
}) satisfies z.ZodMiniType<SliceBody>;

const sliceEnvelope = z.object({
  format: z.literal(SLICE_FORMAT),
  cluster: name,
  number: sliceNumber,
  keyId: name,
  sealed: base64,
  signature: base64,
}) satisfies z.ZodMiniType<SliceEnvelope>;

export type Checked<T> = { readonly value: T } | { readonly problem: string };

/** `problem` says which field is wrong and how, never what it holds. */
export function checkSliceBody(value: unknown): Checked<SliceBody> {
  return check(sliceBody, value);
}

export function checkSliceEnvelope(value: unknown): Checked<SliceEnvelope> {
  return check(sliceEnvelope, value);
}

function check<T>(schema: z.ZodMiniType<T>, value: unknown): Checked<T> {
  const result = schema.safeParse(value);
  if (result.success) return { value: result.data };
  const [issue] = result.error.issues;
  return { problem: issue === undefined ? "is not valid" : `${issue.path.join(".") || "the whole"}: ${issue.code}` };
}
