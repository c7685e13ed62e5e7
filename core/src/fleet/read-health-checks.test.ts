import { describe, expect, it } from "vitest";
import type { HealthCheck } from "./app.ts";
import type { Contract } from "./contract.ts";
import { readContract } from "./parse-contract.ts";
import { formatProblem } from "./problem.ts";

function read(fleetSpec: string, appSpec = ""): Contract {
  const texts = new Map([
    [
      "axle.yaml",
      `apiVersion: axle.dev/v1\nkind: Fleet\nmetadata: { name: acme }\nspec:\n  clusterFiles: []\n${fleetSpec}`,
    ],
    [
      "web/app.yaml",
      `apiVersion: axle.dev/v1\nkind: App\nmetadata: { name: web }\nspec:\n  source: { path: . }\n  clusters: { all: true }\n${appSpec}`,
    ],
    ["infra/dns/dns.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n"],
  ]);
  return readContract({ paths: [...texts.keys()], texts });
}

function checksOf(contract: Contract, app: string): readonly HealthCheck[] | undefined {
  return contract.apps.find(({ name }) => name === app)?.settings.healthChecks;
}

describe("healthChecks", () => {
  it("of an App come before those of the fleet, which every app has, found by a layout or not", () => {
    const contract = read(
      `  layout: [{ path: "infra/{app}", clusters: { all: true } }]
  defaults:
    healthChecks: [{ kind: Ingress, healthy: "true" }]
`,
      `  healthChecks:
    - apiVersion: example.com/v1
      kind: Widget
      inProgress: status.phase == 'Working'
      current: status.phase == 'Ready'
`,
    );
    expect(contract.problems).toEqual([]);
    const fleetWide: HealthCheck = { kind: "Ingress", healthy: "true" };
    expect(checksOf(contract, "web")).toEqual([
      {
        apiVersion: "example.com/v1",
        kind: "Widget",
        inProgress: "status.phase == 'Working'",
        healthy: "status.phase == 'Ready'",
      },
      fleetWide,
    ]);
    expect(checksOf(contract, "dns")).toEqual([fleetWide]);
  });

  it.each([
    [
      "{ kind: W, healthy: 'status.phase ==' }",
      /web\/app\.yaml:7:\d+: spec\.healthChecks\[0\]\.healthy: no CEL expression/,
    ],
    [
      "{ kind: W, failed: 'sttaus.phase == 1' }",
      /failed: no CEL expression that answers with true or false: Unknown variable: sttaus/,
    ],
    ["{ kind: W, healthy: '1 + 1' }", /answers with int/],
    ["{ kind: W }", /asks nothing; give healthy, failed or inProgress/],
    ["{ kind: W, healthy: 'true', current: 'true' }", /gives both healthy and current/],
    ["{ healthy: 'true' }", /kind: missing/],
    ["{ kind: W, healty: 'true' }", /unknown field; did you mean "healthy"\?/],
    ["{ kind: W, healthy: true }", /healthy: found the boolean true, expected text; put it in quotes/],
  ])("%s is an error with its place", (check, message) => {
    const { problems } = read("", `  healthChecks: [${check}]\n`);
    expect(problems.map(formatProblem).join("\n")).toMatch(message);
    expect(problems[0]?.place).toMatchObject({ file: "web/app.yaml", line: 7 });
  });

  it("of the fleet are checked as well", () => {
    const { problems } = read("  defaults: { healthChecks: [{ kind: W, healthy: 'foo(' }] }\n");
    expect(problems.map(formatProblem).join("\n")).toMatch(
      /^axle\.yaml:6:\d+: spec\.defaults\.healthChecks\[0\]\.healthy/,
    );
  });
});
