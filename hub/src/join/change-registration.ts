import { CallError } from "../api/call-error.ts";
import type { KeyedStore, Registration } from "../registry-ports.ts";
import { isConflict } from "./store-conflict.ts";

/**
 * Changes a registration by compare-and-set: `decide` sees it as it stands, again after somebody else was faster; undefined
 * leaves it. Returns it as it stands then. Throws {@link CallError} `aborted` when it is gone, and what `decide` throws.
 */
export async function changeRegistration(
  clusters: KeyedStore<Registration>,
  { id, signal }: { readonly id: string; readonly signal: AbortSignal },
  decide: (registration: Registration) => Registration | undefined,
): Promise<{ readonly registration: Registration; readonly isChanged: boolean }> {
  while (true) {
    signal.throwIfAborted();
    const stored = await clusters.get(id, signal);
    if (stored === undefined) throw new CallError("aborted", "the registration vanished meanwhile");
    const value = decide(stored.value);
    if (value === undefined) return { registration: stored.value, isChanged: false };
    try {
      await clusters.update(id, { value, revision: stored.revision }, signal);
      return { registration: value, isChanged: true };
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
}
