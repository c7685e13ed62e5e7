import { describe, expect, it } from "vitest";
import type { HealthCheck } from "../fleet/app.ts";
import type { KubeObject } from "../manifest/object.ts";
import { condition, object, type Part } from "./health-case.ts";
import { prepareChecks } from "./health-checks.ts";
import { healthOf } from "./health-of.ts";

const widget = (status: Part, metadata: Part = {}): KubeObject =>
  object("example.com/v1", "Widget", { status }, { namespace: "web", ...metadata });
const INGRESS = object("networking.k8s.io/v1", "Ingress", {});

function judge(about: KubeObject, ...checks: readonly HealthCheck[]): string | undefined {
  return healthOf(about, 0, prepareChecks(checks))?.health;
}

const RULE: HealthCheck = {
  kind: "Widget",
  inProgress: "status.phase == 'Working'",
  failed: "status.phase == 'Broken' || status.phase == 'Working'",
  healthy: "status.phase == 'Ready'",
};

describe("a rule of the app", () => {
  it.each([
    ["Working", "Progressing"],
    ["Broken", "Degraded"],
    ["Ready", "Healthy"],
    ["Elsewhere", "Progressing"],
  ])("asks inProgress, then failed, then healthy: %s is %s", (phase, health) => {
    expect(judge(widget({ phase }), RULE)).toBe(health);
  });

  it("says which question decided", () => {
    expect(healthOf(widget({ phase: "Broken" }), 0, prepareChecks([RULE]))?.message).toContain('"failed" holds');
  });

  it("waits when a question cannot be answered, without asking the next", () => {
    const verdict = healthOf(widget({}), 0, prepareChecks([RULE]));
    expect(verdict?.health).toBe("Progressing");
    expect(verdict?.message).toContain("No such key: phase");
  });

  it("waits until the newest spec has been seen", () => {
    expect(judge(widget({ phase: "Ready", observedGeneration: 1 }), RULE)).toBe("Progressing");
    expect(judge(widget({ phase: "Ready", observedGeneration: 2 }), RULE)).toBe("Healthy");
  });

  it("overrules what is known of a kind", () => {
    expect(judge(INGRESS)).toBe("Progressing");
    expect(judge(INGRESS, { kind: "Ingress", healthy: "true" })).toBe("Healthy");
  });

  it("gives health to what has none", () => {
    const map = object("v1", "ConfigMap", { data: { ready: "no" } });
    expect(judge(map)).toBeUndefined();
    expect(judge(map, { group: "", kind: "ConfigMap", healthy: "data.ready == 'yes'" })).toBe("Progressing");
  });

  it("leaves an object that is being deleted to its deletion", () => {
    const going = widget({ phase: "Ready" }, { deletionTimestamp: "2026-01-01T00:00:00Z" });
    expect(judge(going, RULE)).toBe("Progressing");
  });

  it("without healthy only adds to what is known of the kind", () => {
    const rule: HealthCheck = { kind: "Widget", failed: "status.errors > 3" };
    const conditions = [condition("Ready", "True")];
    expect(judge(widget({ errors: 1, conditions }), rule)).toBe("Healthy");
    expect(judge(widget({ errors: 4, conditions }), rule)).toBe("Degraded");
  });

  it("that fits first and decides wins", () => {
    const yes: HealthCheck = { kind: "Widget", healthy: "true" };
    const no: HealthCheck = { kind: "Widget", healthy: "false" };
    expect(judge(widget({}), yes, no)).toBe("Healthy");
    expect(judge(widget({}), no, yes)).toBe("Progressing");
  });

  it.each<[string, Partial<HealthCheck>, boolean]>([
    ["its group", { group: "example.com" }, true],
    ["a group above", { group: "*.com" }, true],
    ["another group", { group: "example.org" }, false],
    ["any kind", { kind: "*" }, true],
    ["another kind", { kind: "Gadget" }, false],
    ["its version", { apiVersion: "example.com/v1" }, true],
    ["any version of its group", { apiVersion: "example.com/*" }, true],
    ["another version", { apiVersion: "example.com/v2" }, false],
    ["its namespace", { namespace: "we?" }, true],
    ["another namespace", { namespace: "db" }, false],
    ["its name", { name: "x*" }, true],
    ["another name", { name: "y*" }, false],
  ])("is for %s: %o fits %s", (_, part, fits) => {
    expect(judge(widget({}), { kind: "Widget", healthy: "true", ...part })).toBe(fits ? "Healthy" : undefined);
  });

  it("with an expression nobody can read makes its objects wait", () => {
    const verdict = healthOf(widget({}), 0, prepareChecks([{ kind: "Widget", healthy: "status.phase ==" }]));
    expect(verdict?.health).toBe("Progressing");
    expect(verdict?.message).toContain('"healthy" cannot be answered');
  });
});
