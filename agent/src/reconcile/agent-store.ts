import type { SliceNumber } from "@axle/core/slice/slice.ts";
import { compareNumbers } from "@axle/core/slice/slice.ts";
import type { KubeClient, ObjectAddress } from "../adapters/kube/kube-client.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import { AXLE_API_VERSION, AXLE_NAMESPACE } from "./axle-crds.ts";
import type { DeletionCount } from "./deletion-budget.ts";
import { includesAll } from "./deep-equal.ts";
import { isRecord } from "./field-set.ts";
import { uidOf } from "./live-meta.ts";
import { FIELD_MANAGER } from "./ownership-mark.ts";

const ADDRESS: ObjectAddress = {
  apiVersion: AXLE_API_VERSION,
  kind: "AxleAgent",
  namespace: AXLE_NAMESPACE,
  name: "agent",
};

export interface UsedApproval {
  readonly id: string;
  readonly expiresAtMs: number;
}

/** The one `AxleAgent` of a cluster: what the agent must remember across restarts, beside the inventories. */
export class AgentStore {
  readonly #client: KubeClient;
  readonly #cluster: string;
  #accepted: SliceNumber | undefined;
  #accepting: { readonly number: SliceNumber; readonly done: Promise<void> } | undefined;
  #used: readonly UsedApproval[] = [];
  #deletions: readonly DeletionCount[] = [];
  /** As it is stored. */
  #status: Readonly<Record<string, unknown>> = {};
  #created = false;

  constructor(client: KubeClient, cluster: string) {
    this.#client = client;
    this.#cluster = cluster;
  }

  get usedApprovals(): ReadonlySet<string> {
    return new Set(this.#used.map((approval) => approval.id));
  }

  /** What was deleted in the last hours, as it was stored. */
  get deletions(): readonly DeletionCount[] {
    return this.#deletions;
  }

  /** From the cluster; undefined when there is none yet. Works before our kinds are installed. */
  async read(signal: AbortSignal): Promise<SliceNumber | undefined> {
    const live = await this.#client.get(ADDRESS, signal);
    const status = live?.["status"];
    this.#created = live !== undefined;
    this.#status = isRecord(status) ? status : {};
    if (!isRecord(status)) return this.#accepted;
    this.#used = readUsed(status["usedApprovals"]);
    this.#deletions = readDeletions(status["deletions"]);
    const stored = readNumber(status["accepted"]);
    if (stored !== undefined && isAbove(stored, this.#accepted)) this.#accepted = stored;
    return this.#accepted;
  }

  /** Makes sure the object is there. */
  async create(signal: AbortSignal): Promise<void> {
    const { apiVersion, kind, namespace, name } = ADDRESS;
    await this.#client.apply(
      { apiVersion, kind, metadata: { name, namespace }, spec: { cluster: this.#cluster } },
      { manager: FIELD_MANAGER, signal },
    );
    this.#created = true;
  }

  /** Stores a number; one that is stored, or being stored, or older costs nothing. Callers at once share one write. */
  async accept(number: SliceNumber, signal: AbortSignal): Promise<void> {
    while (isAbove(number, this.#accepted)) {
      signal.throwIfAborted();
      if (this.#accepting === undefined) {
        const done = this.#storeAccepted(number, signal).finally(() => {
          this.#accepting = undefined;
        });
        this.#accepting = { number, done };
        await done;
      } else {
        const { done } = this.#accepting;
        await done.catch(() => undefined);
      }
    }
  }

  /** Before anything is deleted on an approval's word, so that it is never used twice. */
  async useApprovals(
    approvals: readonly UsedApproval[],
    options: { nowMs: number; signal: AbortSignal },
  ): Promise<void> {
    const known = this.usedApprovals;
    const fresh = approvals.filter((approval) => !known.has(approval.id));
    if (fresh.length === 0) return;
    const kept = this.#used.filter((approval) => approval.expiresAtMs > options.nowMs);
    const used = [...kept, ...fresh.map(({ id, expiresAtMs }) => ({ id, expiresAtMs }))];
    await this.writeStatus({ usedApprovals: used }, options.signal);
    this.#used = used;
  }

  /** Merges; what stands there already costs nothing. Where somebody deleted the object all it remembered is written anew. */
  async writeStatus(status: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<void> {
    if (this.#created && includesAll(this.#status, status)) return;
    if (!this.#created) await this.create(signal);
    try {
      await this.#patchStatus(status, signal);
    } catch (error) {
      if (KubeError.from(error).code !== "not-found") throw error;
      await this.create(signal);
      await this.#patchStatus({ ...this.#status, ...status }, signal);
    }
  }

  async #patchStatus(status: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<void> {
    const options = { subresource: "status", manager: FIELD_MANAGER, signal };
    const live = await this.#client.mergePatch(ADDRESS, { status }, options);
    this.#status = isRecord(live["status"]) ? live["status"] : {};
  }

  async #storeAccepted(number: SliceNumber, signal: AbortSignal): Promise<void> {
    await this.writeStatus({ accepted: number }, signal);
    this.#accepted = number;
  }
}

/** Deletes what an agent remembers in its cluster; nothing when it is not there, or its kind is not. */
export async function deleteAgentResource(client: KubeClient, signal: AbortSignal): Promise<void> {
  const live = await client.get(ADDRESS, signal);
  if (live !== undefined) await client.delete(ADDRESS, { uid: uidOf(live), signal });
}

function isAbove(number: SliceNumber, than: SliceNumber | undefined): boolean {
  return than === undefined || compareNumbers(number, than) > 0;
}

function readNumber(value: unknown): SliceNumber | undefined {
  if (!isRecord(value)) return undefined;
  const { epoch, n } = value;
  return typeof epoch === "number" && typeof n === "number" ? { epoch, n } : undefined;
}

function readDeletions(value: unknown): readonly DeletionCount[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: unknown) =>
    isRecord(item) ? [{ atMs: Number(item["atMs"] ?? 0), count: Number(item["count"] ?? 0) }] : [],
  );
}

function readUsed(value: unknown): readonly UsedApproval[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: unknown) =>
    isRecord(item) && typeof item["id"] === "string"
      ? [{ id: item["id"], expiresAtMs: Number(item["expiresAtMs"] ?? 0) }]
      : [],
  );
}
