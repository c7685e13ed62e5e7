import type { Registration } from "../registry-ports.ts";

/** How a registration stands, in the one word people are shown. */
export type ClusterState = "active" | "pending" | "leaving" | "on-hold" | "revoked" | "forgotten";

export function clusterStateOf({ state, hold, leaving, forgotten }: Registration): ClusterState {
  if (forgotten !== undefined) return "forgotten";
  if (state !== "active") return state;
  if (hold !== undefined) return "on-hold";
  return leaving === undefined ? "active" : "leaving";
}

/** Why the cluster of a registration may not connect, to be told to its agent; undefined when it may. */
export function barredBecause(registration: Registration): string | undefined {
  const { name, hold } = registration;
  switch (clusterStateOf(registration)) {
    case "active":
    case "leaving":
      return undefined;
    case "pending":
      return `cluster "${name}" waits for a person's yes`;
    case "on-hold":
      return `cluster "${name}" is on hold: ${hold?.reason ?? "a person has to look at it"}`;
    case "revoked":
      return `cluster "${name}" was revoked: it comes back only with a new key, a join token and a person's yes`;
    case "forgotten":
      return `cluster "${name}" was taken out of the fleet; join again with a new key and a join token`;
  }
}
