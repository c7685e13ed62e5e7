import type { AppReport, Drift } from "@axle/core/status/report.ts";
import { expect, test } from "vitest";
import { happeningsBetween } from "./event-writer.ts";

const applied: AppReport = {
  app: "web",
  revision: 3,
  commit: "c0ffee",
  sync: "Applied",
  message: "",
  health: "Healthy",
  healthMessage: "",
  objects: 4,
  drifts: [],
  pruning: [],
};
const drift: Drift = {
  object: "/ConfigMap/web/a",
  manager: "kubectl-edit",
  operation: "Update",
  atMs: 5,
  paths: ["data.key"],
  action: "corrected",
  correctedAtMs: 6,
};

const said = (before: AppReport | undefined, after: AppReport) =>
  happeningsBetween(before, after).map(({ type, reason, message }) => `${type} ${reason}: ${message}`);

test("an applied revision is told when something was written for it, not after a restart that found all in place", () => {
  expect(said({ ...applied, sync: "Applying" }, applied)).toEqual([
    "Normal Applied: revision 3 of commit c0ffee applied, 4 objects",
  ]);
  expect(said(undefined, applied)).toEqual([]);
  expect(said(applied, { ...applied, health: "Degraded" })).toEqual([]);
});

test("a failure, a block and a waiting deletion are told once for each reason", () => {
  const failed: AppReport = { ...applied, sync: "Failed", message: "no such kind" };
  expect(said(applied, failed)).toEqual(["Warning Failed: revision 3: no such kind"]);
  expect(said(failed, { ...failed, objects: 5 })).toEqual([]);
  const waits: AppReport = { ...applied, pendingDeletion: { hash: "h", reason: "many", objects: ["a", "b"] } };
  expect(said(applied, waits)).toEqual([
    "Warning DeletionWaits: 2 deletions wait for a person: many (axle approve web)",
  ]);
  expect(said(waits, waits)).toEqual([]);
});

test("a drift is told with who and where, once; one that is only reported is not", () => {
  const drifted = { ...applied, drifts: [drift] };
  expect(said(applied, drifted)).toEqual([
    "Normal DriftCorrected: ConfigMap web/a changed by kubectl-edit at data.key, put right",
  ]);
  expect(said(drifted, drifted)).toEqual([]);
  expect(said(applied, { ...applied, drifts: [{ ...drift, action: "fighting" }] })).toEqual([
    "Warning DriftFight: ConfigMap web/a changed by kubectl-edit at data.key, again and again",
  ]);
  expect(said(applied, { ...applied, drifts: [{ ...drift, action: "reported" }] })).toEqual([]);
});
