import type { Registration } from "../registry-ports.ts";

/** Why a cluster that is registered is not simply one of the fleet, in words; "" when it is. */
export function describeStanding(registration: Registration, given: { readonly isDeaf: boolean }): string {
  const { state, waitsFor, hold, leaving, revoked } = registration;
  if (state === "pending") return waitsFor ?? "a person has to say yes";
  if (state === "revoked") {
    const who = revoked === undefined ? "" : ` by ${revoked.by} ${new Date(revoked.atMs).toISOString()}`;
    return `revoked${who}: what runs there goes on, and nobody follows Git`;
  }
  if (hold !== undefined) {
    return `on hold since ${new Date(hold.atMs).toISOString()}: ${hold.reason}; stop one of them and resume, or revoke`;
  }
  if (leaving === undefined) return "";
  const what = leaving.mode === "keep" ? "what runs there stays" : "what the fleet put there is deleted";
  const since = `leaving since ${new Date(leaving.atMs).toISOString()}, ${what}`;
  return given.isDeaf ? `${since}; its agent is too old to be told: upgrade it, or forget it with --keep --now` : since;
}
