import { describe, expect, it } from "vitest";
import { DEFAULT_SYNC } from "@axle/core/fleet/app.ts";
import type { AppSettings, HealthCheck } from "@axle/core/fleet/app.ts";
import { AppChecks } from "./app-checks.ts";

const READY: HealthCheck = { kind: "Widget", healthy: "status.phase == 'Ready'" };
const NEVER: HealthCheck = { kind: "Widget", healthy: "false" };

function slice(apps: Readonly<Record<string, readonly HealthCheck[]>>): ReadonlyMap<string, AppSettings> {
  return new Map(
    Object.entries(apps).map(([app, healthChecks]) => [
      app,
      { sync: DEFAULT_SYNC, dependsOn: [], ignoreDifferences: [], healthChecks },
    ]),
  );
}

describe("an app's rules of health", () => {
  it("are kept as they are while the app says the same", () => {
    const checks = new AppChecks();
    expect([...checks.replace(slice({ web: [READY], dns: [] }))]).toEqual(["web"]);
    const prepared = checks.of("web");
    expect(prepared).toHaveLength(1);
    expect([...checks.replace(slice({ web: [{ ...READY }], dns: [] }))]).toEqual([]);
    expect(checks.of("web")).toBe(prepared);
    expect(checks.of("dns")).toEqual([]);
  });

  it("name the apps whose objects have to be judged again", () => {
    const checks = new AppChecks();
    checks.replace(slice({ web: [READY], dns: [READY], shop: [READY] }));
    const changed = checks.replace(slice({ web: [NEVER], dns: [], db: [READY], shop: [READY] }));
    expect([...changed].toSorted()).toEqual(["db", "dns", "web"]);
  });
});
