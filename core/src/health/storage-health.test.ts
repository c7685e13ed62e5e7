import { describe, expect, it } from "vitest";
import { type HealthCase, object, type Part } from "./health-case.ts";
import { healthOf } from "./health-of.ts";
import { NOW_MS, runHealthCases } from "./run-health-cases.test-support.ts";

const claim = (phase: string, more: { spec?: Part; annotations?: Part } = {}): HealthCase["object"] =>
  object(
    "v1",
    "PersistentVolumeClaim",
    { spec: more.spec ?? {}, status: { phase } },
    { annotations: more.annotations ?? {} },
  );

runHealthCases([
  [
    "PersistentVolumeClaim",
    [
      { says: "bound", object: claim("Bound"), health: "Healthy" },
      { says: "lost", object: claim("Lost"), health: "Degraded" },
      { says: "pending", object: claim("Pending"), health: "Progressing" },
      { says: "new", object: object("v1", "PersistentVolumeClaim", {}), health: "Progressing" },
      {
        says: "bound, being resized",
        object: object("v1", "PersistentVolumeClaim", {
          status: {
            phase: "Bound",
            conditions: [{ type: "FileSystemResizePending", status: "True", message: "waits for a pod" }],
          },
        }),
        health: "Healthy",
        message: /waits for a pod/,
      },
    ],
  ],
]);

describe("a claim that waits", () => {
  it("holds nobody up while nobody has been asked for its volume", () => {
    expect(healthOf(claim("Pending", { spec: { storageClassName: "local" } }), NOW_MS)).toMatchObject({
      health: "Progressing",
      blocks: false,
    });
  });

  it.each([
    ["a provisioner was asked", { annotations: { "volume.kubernetes.io/storage-provisioner": "disk.example.com" } }],
    ["a provisioner was asked, the old way", { annotations: { "volume.beta.kubernetes.io/storage-provisioner": "x" } }],
    ["a pod that uses it has a node", { annotations: { "volume.kubernetes.io/selected-node": "node-1" } }],
    ["it names its volume", { spec: { volumeName: "disk-1" } }],
  ])("holds up once %s", (_, more) => {
    const verdict = healthOf(claim("Pending", more), NOW_MS);
    expect(verdict?.health).toBe("Progressing");
    expect(verdict?.blocks).toBeUndefined();
  });
});
