import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HEALTH_ORDER } from "../status/report.ts";
import { object, type Part } from "./health-case.ts";
import { prepareChecks } from "./health-checks.ts";
import { healthOf } from "./health-of.ts";
import { KINDS_WITH_RULES } from "./kind-rules.ts";

const WORDS = ["Ready", "Available", "True", "False", "Unknown", "Failed", "Running", "conditions", "attached", ""];
const text = fc.oneof(fc.constantFrom(...WORDS), fc.string());
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom(
        "conditions",
        "phase",
        "type",
        "status",
        "reason",
        "state",
        "parents",
        "ceph",
        "details",
        "error",
        "x",
      ),
      tie("value"),
      { maxKeys: 4 },
    ),
  ),
}));
const kind = fc.constantFrom("example.com/Widget", ...KINDS_WITH_RULES).map((name) => {
  const [group = "", word = ""] = name.replace("*.", "sub.").split("/");
  return { apiVersion: group === "" ? "v1" : `${group}/v1`, kind: word === "*" ? "Any" : word };
});
const checks = prepareChecks([{ kind: "*", failed: "status.conditions.exists(c, c.type == status.phase)" }]);

describe("the health of anything", () => {
  it("is one of the words, with a reason where it is not Healthy, or none, whatever stands in the object", () => {
    fc.assert(
      fc.property(kind, value, value, (of, spec, status) => {
        const judged = object(of.apiVersion, of.kind, { spec, status } as Part);
        for (const rules of [[], checks]) {
          const verdict = healthOf(judged, 0, rules);
          if (verdict === undefined) continue;
          expect(HEALTH_ORDER).toContain(verdict.health);
          if (verdict.health !== "Healthy") expect(verdict.message).not.toBe("");
        }
      }),
      { numRuns: 500 },
    );
  });
});
