import type { AppSettings, HealthCheck } from "@axle/core/fleet/app.ts";
import { type PreparedCheck, prepareChecks } from "@axle/core/health/health-checks.ts";
import { deepEqual } from "./deep-equal.ts";

interface Entry {
  readonly written: readonly HealthCheck[];
  readonly prepared: readonly PreparedCheck[];
}

const NONE: readonly PreparedCheck[] = [];

/** What the apps of the slice say of health, parsed once for as long as they say the same. */
export class AppChecks {
  #entries: ReadonlyMap<string, Entry> = new Map();

  of(app: string): readonly PreparedCheck[] {
    return this.#entries.get(app)?.prepared ?? NONE;
  }

  /** Takes over what apps say now; returns those that said something else before, whose objects have to be judged again. */
  replace(settings: ReadonlyMap<string, AppSettings>): ReadonlySet<string> {
    const before = this.#entries;
    const entries = new Map<string, Entry>();
    for (const [app, { healthChecks }] of settings) {
      const held = before.get(app);
      if (held !== undefined && deepEqual(held.written, healthChecks)) entries.set(app, held);
      else if (healthChecks.length > 0)
        entries.set(app, { written: healthChecks, prepared: prepareChecks(healthChecks) });
    }
    this.#entries = entries;
    const apps = new Set([...before.keys(), ...entries.keys()]);
    return new Set([...apps].filter((app) => before.get(app) !== entries.get(app)));
  }
}
