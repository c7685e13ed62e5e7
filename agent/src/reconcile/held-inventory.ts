import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import { isRecord } from "./field-set.ts";
import { uidOf } from "./live-meta.ts";
import { isPaused } from "./object-policy.ts";
import { APP_LABEL } from "./ownership-mark.ts";

/** One `AxleInventory`. */
interface InventoryPart {
  readonly name: string;
  readonly uid: string;
  readonly ids: ReadonlySet<ObjectId>;
}

/** What one app owns, as it is stored. */
export interface HeldInventory {
  /** By the number of the part; a part that became empty leaves a gap. */
  readonly parts: Map<number, InventoryPart>;
  prune: boolean;
  account: string | undefined;
  /** Stopped by a person, by an annotation on part 0. */
  paused: boolean;
  /** Whether part 0 carries our label, by which its watch finds it. */
  labelled: boolean;
  /** The run (see {@link runOf}) with which the app came here; "" when an agent that did not note it made the inventory. */
  since: string;
  /** The run in which each hook of the app last succeeded. */
  ran: Map<ObjectId, string>;
  /** Whether the app was ever applied and healthy here. */
  settled: boolean;
  /** As it is stored. */
  status: Readonly<Record<string, unknown>>;
  /** Part that holds each id. An id never moves between parts, so a crash between two writes loses none. */
  readonly where: Map<ObjectId, number>;
}

export function newInventory(prune: boolean, since: string): HeldInventory {
  return {
    parts: new Map(),
    prune,
    account: undefined,
    paused: false,
    labelled: false,
    since,
    ran: new Map(),
    settled: false,
    status: {},
    where: new Map(),
  };
}

/** Takes in one part as it stands in the cluster. Another cluster's, or what is no inventory, is passed over. */
export function takePart(found: Map<string, HeldInventory>, item: KubeObject, cluster: string): void {
  const spec = item["spec"];
  if (!isRecord(spec) || typeof spec["app"] !== "string" || spec["cluster"] !== cluster) return;
  const app = spec["app"];
  const number = Number(spec["part"] ?? 0);
  const listed = Array.isArray(spec["objects"]) ? spec["objects"] : [];
  const ids = new Set(listed.filter((id: unknown): id is ObjectId => typeof id === "string"));
  const held = found.get(app) ?? newInventory(true, "");
  if (number === 0) {
    held.prune = spec["prune"] !== false;
    held.account = typeof spec["serviceAccount"] === "string" ? spec["serviceAccount"] : undefined;
    held.paused = isPaused(item);
    held.labelled = item.metadata.labels?.[APP_LABEL] === app;
    held.since = typeof spec["since"] === "string" ? spec["since"] : "";
    held.ran = ranOf(item);
    held.status = statusOf(item);
    held.settled = held.status["settled"] === true;
  }
  held.parts.set(number, { name: item.metadata.name, uid: uidOf(item), ids });
  for (const id of ids) held.where.set(id, number);
  found.set(app, held);
}

export function statusOf(item: KubeObject): Readonly<Record<string, unknown>> {
  return isRecord(item["status"]) ? item["status"] : {};
}

function ranOf(item: KubeObject): Map<ObjectId, string> {
  const hooks = statusOf(item)["hooks"];
  if (!isRecord(hooks)) return new Map();
  return new Map(Object.entries(hooks).flatMap(([id, run]) => (typeof run === "string" ? [[id, run]] : [])));
}
