import { Serial } from "@axle/runtime/serial.ts";
import type { AccessRevoker } from "../../join/ports.ts";
import { assertClaims } from "./account-claims.ts";
import type { ConnectOptions } from "./connect.ts";

/** Cuts agents off by revocations in the claims of their account, which servers keep on disk. */
export class NatsAccessRevoker implements AccessRevoker {
  readonly #options: Omit<ConnectOptions, "signal">;
  /** Claims are read, added to and written: one after the other, or one of two is lost. */
  readonly #writing = new Serial();

  constructor(options: Omit<ConnectOptions, "signal">) {
    this.#options = options;
  }

  async revoke(voidMs: ReadonlyMap<string, number>, signal: AbortSignal): Promise<void> {
    if (voidMs.size === 0) return;
    const { identity } = this.#options;
    const revocations = Object.fromEntries(
      [...voidMs].map(([cluster, ms]) => [identity.agentUserId(cluster), Math.floor(ms / 1_000)]),
    );
    await this.#writing.run(() => assertClaims({ ...this.#options, signal }, revocations));
  }
}
