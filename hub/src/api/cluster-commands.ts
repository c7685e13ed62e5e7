import { LEAVING_MODES } from "@axle/core/slice/slice.ts";
import type { LeavingMode } from "@axle/core/slice/slice.ts";
import { clusterStateOf } from "../join/cluster-state.ts";
import type { ClusterState } from "../join/cluster-state.ts";
import type { Departures } from "../join/departures.ts";
import type { Registration } from "../registry-ports.ts";
import type { FleetView, Freshness } from "../sessions/fleet-view.ts";
import { CallError } from "./call-error.ts";

const DEFAULT_TTL_MS = 24 * 60 * 60_000;
const LONGEST_TTL_MS = 30 * 24 * 60 * 60_000;

/** What the API is asked; words as they came. */
export interface ForgetRequest {
  readonly cluster: string;
  /** `keep` or `delete`. */
  readonly mode: string;
  readonly now: boolean;
  /** 0 takes the default. */
  readonly ttlMs: number;
}

export interface ForgetAnswer {
  readonly id: string;
  readonly name: string;
  readonly state: ClusterState;
  readonly freshness: Freshness;
  /** When the yes to the deletion ends; 0 for `keep`. */
  readonly expiresAtMs: number;
}

export interface ClusterCommandsOptions {
  readonly departures: Departures;
  readonly view: Pick<FleetView, "freshnessOf">;
}

interface Named {
  readonly id: string;
  readonly name: string;
}

/** What people order about whole clusters, after its words were checked. Throws {@link CallError}. */
export class ClusterCommands {
  readonly #options: ClusterCommandsOptions;

  constructor(options: ClusterCommandsOptions) {
    this.#options = options;
  }

  async forget(request: ForgetRequest, actor: string, signal: AbortSignal): Promise<ForgetAnswer> {
    const { departures, view } = this.#options;
    const { cluster, mode, now, ttlMs } = request;
    if (!isLeavingMode(mode)) {
      throw new CallError("invalid-argument", "say what becomes of what runs there: keep or delete");
    }
    if (!Number.isFinite(ttlMs) || ttlMs < 0 || ttlMs > LONGEST_TTL_MS) {
      throw new CallError("invalid-argument", "ttl: a yes to a deletion holds for at most thirty days");
    }
    const wish = { cluster, mode, now, ttlMs: ttlMs === 0 ? DEFAULT_TTL_MS : ttlMs, actor };
    const registration = await departures.forget(wish, signal);
    const { id, name, leaving } = registration;
    const expiresAtMs = leaving?.mode === "delete" ? leaving.expiresAtMs : 0;
    return { id, name, state: clusterStateOf(registration), freshness: view.freshnessOf(id), expiresAtMs };
  }

  /** One that was told to leave stays. */
  async cancelForget(wanted: string, actor: string, signal: AbortSignal): Promise<Named> {
    return named(await this.#options.departures.cancel(wanted, actor, signal));
  }

  async revoke(wanted: string, actor: string, signal: AbortSignal): Promise<Named> {
    return named(await this.#options.departures.revoke(wanted, actor, signal));
  }

  /** One on hold is served again. */
  async resume(wanted: string, actor: string, signal: AbortSignal): Promise<Named> {
    return named(await this.#options.departures.resume(wanted, actor, signal));
  }
}

function named({ id, name }: Registration): Named {
  return { id, name };
}

function isLeavingMode(text: string): text is LeavingMode {
  return (LEAVING_MODES as readonly string[]).includes(text);
}
