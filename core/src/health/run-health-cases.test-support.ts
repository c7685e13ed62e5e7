import { describe, expect, it } from "vitest";
import type { HealthCase } from "./health-case.ts";
import { healthOf } from "./health-of.ts";

/** When the tables of health look at their objects: ten minutes after those of `health-case.ts` were created. */
export const NOW_MS = Date.parse("2026-01-01T00:10:00Z");

/** One test per row; whatever is not well has to say why. */
export function runHealthCases(tables: readonly (readonly [string, readonly HealthCase[]])[]): void {
  describe.each(tables)("health of %s", (_, cases) => {
    it.each(cases)("$says: $health", ({ object, health, message }) => {
      const verdict = healthOf(object, NOW_MS);
      expect(verdict?.health).toBe(health);
      if (message !== undefined) expect(verdict?.message).toMatch(message);
      if (verdict !== undefined && verdict.health !== "Healthy") expect(verdict.message).not.toBe("");
    });
  });
}
