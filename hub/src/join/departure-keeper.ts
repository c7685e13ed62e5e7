import { KeyedQueue } from "@axle/runtime/keyed-queue.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import type { Service } from "@axle/runtime/service.ts";
import type { ClusterStatus } from "../registry-ports.ts";
import type { ClusterDirectory } from "../sessions/cluster-directory.ts";
import { nameClaim, uidClaim } from "./claim-book.ts";
import type { ClaimBook } from "./claim-book.ts";
import type { Departures } from "./departures.ts";
import type { AccessRevoker } from "./ports.ts";

export interface DepartureKeeperOptions {
  readonly directory: Pick<ClusterDirectory, "get" | "all" | "onChange">;
  /** What was reported, and the way to forget it. */
  readonly view: {
    statusOf(clusterId: string): ClusterStatus;
    onChange(listener: (clusterId: string) => void): () => void;
    forget(clusterId: string): void;
  };
  readonly departures: Pick<Departures, "left">;
  readonly claims: Pick<ClaimBook, "release">;
  readonly access: AccessRevoker;
  /** Told when servers that may have lost what they knew are connected again; returns what ends it. */
  readonly onReconnected: (listener: () => void) => () => void;
  readonly log: Logger;
}

/** No cluster has this id. */
const ACCESS = "";
/** An agent hears that its word is stored before it is cut off. */
const LEFT_GRACE_MS = 500;
/** Servers and other replicas are told again from time to time, whatever happened to what they knew. */
const ASSERT_EVERY_MS = 10 * 60_000;

/**
 * Carries out what registrations say of clusters that leave or are cut off: credentials void, name and UID free again,
 * status gone, and an agent's word that it left taken. Level-triggered: whatever a killed hub left undone is done at the
 * next start.
 */
export class DepartureKeeper implements Service {
  readonly name = "departures";
  readonly #options: DepartureKeeperOptions;
  readonly #queue: KeyedQueue;
  /** By cluster id, what servers took. */
  readonly #asserted = new Map<string, number>();

  constructor(options: DepartureKeeperOptions) {
    this.#options = options;
    this.#queue = new KeyedQueue({
      name: "departures",
      work: (key, signal) => (key === ACCESS ? this.#assertAccess(signal) : this.#settle(key, signal)),
      log: options.log,
      concurrency: 4,
      backoff: { firstMs: 200, longestMs: 30_000 },
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { directory, view, onReconnected } = this.#options;
    const ends = [
      directory.onChange((id) => {
        this.#queue.add(id);
        const voidMs = directory.get(id)?.credentialsVoidMs;
        if (voidMs !== undefined && this.#asserted.get(id) !== voidMs) this.#queue.add(ACCESS);
      }),
      view.onChange((id) => {
        if (directory.get(id)?.leaving !== undefined) this.#queue.addAfter(id, LEFT_GRACE_MS);
      }),
      onReconnected(() => this.#queue.add(ACCESS)),
    ];
    this.#queue.add(ACCESS);
    for (const { id } of directory.all()) this.#queue.add(id);
    try {
      await this.#queue.run(signal);
    } finally {
      for (const end of ends) end();
    }
  }

  async #assertAccess(signal: AbortSignal): Promise<{ againAfterMs: number }> {
    const { directory, access } = this.#options;
    const wanted = [...directory.all()].flatMap(({ id, credentialsVoidMs }) =>
      credentialsVoidMs === undefined ? [] : [[id, credentialsVoidMs] as const],
    );
    await access.revoke(new Map(wanted), signal);
    for (const [id, voidMs] of wanted) this.#asserted.set(id, voidMs);
    return { againAfterMs: ASSERT_EVERY_MS };
  }

  async #settle(clusterId: string, signal: AbortSignal): Promise<void> {
    const { directory, view, departures, claims } = this.#options;
    const registration = directory.get(clusterId);
    if (registration === undefined) return;
    const { id, name, kubeSystemUid, leaving, forgotten } = registration;
    const { left } = view.statusOf(id);
    if (leaving !== undefined && left?.order === leaving.id) await departures.left(registration, left.what, signal);
    if (forgotten === undefined) return;
    // The claim of the key stays: with this key nobody comes back.
    for (const claim of [nameClaim(name), uidClaim(kubeSystemUid)]) {
      if (claim !== undefined) await claims.release(claim, id, signal);
    }
    view.forget(id);
  }
}
