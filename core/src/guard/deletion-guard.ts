import { describeRef, parseId } from "../manifest/object.ts";
import type { ObjectId } from "../manifest/object.ts";
import type { DeletionApproval, DeletionHold } from "../slice/slice.ts";
import { deletionSetText } from "./deletion-set.ts";

export interface DeletionInput {
  /** Id of the cluster. */
  readonly cluster: string;
  /** What each app owns in the cluster now, by app. */
  readonly inventories: ReadonlyMap<string, readonly ObjectId[]>;
  /** What each app would lose, from planPrune. */
  readonly deletions: ReadonlyMap<string, readonly ObjectId[]>;
  /** Apps that have an inventory and are not in the slice. */
  readonly removedApps: readonly string[];
  readonly approvals: readonly DeletionApproval[];
  /** Ids of approvals that were already acted on: each passes once. */
  readonly usedApprovals: ReadonlySet<string>;
  readonly holds: readonly DeletionHold[];
  /** Objects that ask for a person's yes themselves, by annotation. */
  readonly asking?: ReadonlySet<ObjectId>;
  /** On the hub's clock, as approvals expire by it. */
  readonly nowMs: number;
  /** SHA-256 of a text, hex. */
  sha256Hex(text: string): string;
}

export type DeletionVerdict =
  | { readonly decision: "allowed"; readonly objects: readonly ObjectId[]; readonly approval?: string }
  | {
      readonly decision: "waits";
      readonly objects: readonly ObjectId[];
      readonly reason: string;
      readonly hash: string;
    };

/** Above this share, and above {@link SMALL_COUNT} objects, a deletion waits for a person (S4). */
const LARGE_SHARE = 0.3;
const SMALL_COUNT = 5;

/** Deleting one of these takes more with it than itself: everything inside, every object of a kind, or data. */
const PRECIOUS_KINDS: ReadonlySet<string> = new Set([
  "/Namespace",
  "/PersistentVolume",
  "/PersistentVolumeClaim",
  "apiextensions.k8s.io/CustomResourceDefinition",
]);

/**
 * Which deletions may go ahead and which wait for a person, app by app, for every app that would lose something (S4). An
 * app waits as a whole. What a person approved does not count towards the shares that judge the rest.
 */
export function judgeDeletions(input: DeletionInput): ReadonlyMap<string, DeletionVerdict> {
  const verdicts = new Map<string, DeletionVerdict>();
  const open = new Map<string, Deletion>();
  for (const [app, ids] of [...input.deletions].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const objects = [...new Set(ids)].sort();
    if (objects.length === 0) continue;
    const hash = input.sha256Hex(deletionSetText(input.cluster, app, objects));
    const approval = findApproval(input, app, hash);
    if (approval === undefined) open.set(app, { app, objects, hash });
    else verdicts.set(app, { decision: "allowed", objects, approval: approval.id });
  }
  const reasonOf = clusterReasons(input, open);
  for (const [app, { objects, hash }] of open) {
    const reason = reasonOf(app);
    verdicts.set(
      app,
      reason === undefined ? { decision: "allowed", objects } : { decision: "waits", objects, reason, hash },
    );
  }
  return verdicts;
}

interface Deletion {
  readonly app: string;
  /** Sorted, none twice. */
  readonly objects: readonly ObjectId[];
  readonly hash: string;
}

/** The approval of exactly this set that still holds. */
export function findApproval(
  input: Pick<DeletionInput, "approvals" | "usedApprovals" | "nowMs">,
  app: string,
  hash: string,
): DeletionApproval | undefined {
  return input.approvals.find(
    (approval) =>
      approval.app === app &&
      approval.hash === hash &&
      approval.expiresAtMs > input.nowMs &&
      !input.usedApprovals.has(approval.id),
  );
}

/** Why an app must wait; undefined when it need not. */
function clusterReasons(
  input: DeletionInput,
  open: ReadonlyMap<string, Deletion>,
): (app: string) => string | undefined {
  const owned = new Set([...input.inventories.values()].flat()).size;
  const lost = new Set([...open.values()].flatMap(({ objects }) => objects)).size;
  const apps = [...input.inventories.values()].filter((ids) => ids.length > 0).length;
  const removed = new Set(input.removedApps.filter((app) => open.has(app)));
  const holds = new Map(input.holds.map(({ app, reason }) => [app, reason]));
  return (app) => {
    const objects = open.get(app)?.objects ?? [];
    const ofApp = new Set(input.inventories.get(app)).size;
    const precious = objects.find(isPrecious);
    if (precious !== undefined) return `${describe(precious)} would be deleted`;
    const asking = objects.find((id) => input.asking?.has(id) === true);
    if (asking !== undefined) return `${describe(asking)} would be deleted, and asks by annotation for a person's yes`;
    if (isLarge(objects.length, ofApp)) return `${objects.length} of the app's ${ofApp} objects would be deleted`;
    if (isLarge(lost, owned)) return `${lost} of the cluster's ${owned} objects would be deleted`;
    if (removed.has(app) && removed.size > apps * LARGE_SHARE) {
      return `${removed.size} of the cluster's ${apps} apps are removed`;
    }
    return holds.get(app);
  };
}

function isLarge(part: number, whole: number): boolean {
  return part > SMALL_COUNT && part > whole * LARGE_SHARE;
}

function isPrecious(id: ObjectId): boolean {
  const ref = parseId(id);
  return ref === undefined || PRECIOUS_KINDS.has(`${ref.group}/${ref.kind}`);
}

function describe(id: ObjectId): string {
  const ref = parseId(id);
  return ref === undefined ? id : describeRef(ref);
}
