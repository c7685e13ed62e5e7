import type { KubeObject } from "../manifest/object.ts";
import type { Health } from "../status/report.ts";

/** What one object says about itself. */
export interface HealthVerdict {
  readonly health: Health;
  /** Why, in words a person can act on; "" when there is nothing to say. */
  readonly message: string;
  /** False: shown with the object, but it holds nobody up, because what it waits for may come after all else is well. */
  readonly blocks?: false;
}

/** How one kind is judged; undefined means "no health, does not count". */
export type HealthRule = (object: KubeObject, nowMs: number) => HealthVerdict | undefined;

export const NOT_SEEN = "its controller has not seen the newest spec yet";

export const healthy = (message = ""): HealthVerdict => ({ health: "Healthy", message });
export const suspended = (message: string): HealthVerdict => ({ health: "Suspended", message });
export const progressing = (message: string): HealthVerdict => ({ health: "Progressing", message });
export const degraded = (message: string): HealthVerdict => ({ health: "Degraded", message });
export const unknown = (message: string): HealthVerdict => ({ health: "Unknown", message });
