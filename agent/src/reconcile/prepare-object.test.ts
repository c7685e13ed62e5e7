import type { KubeObject } from "@axle/core/manifest/object.ts";
import { idOf } from "@axle/core/manifest/object.ts";
import { expect, test } from "vitest";
import { markOf } from "./ownership-mark.ts";
import { prepareObject } from "./prepare-object.ts";

const mark = { cluster: "c-1", app: "shop" };
const prepare = (object: object) =>
  prepareObject({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x" }, ...object }, mark);

test("the mark on an object says whose it is, and is worth nothing on a copy", () => {
  const prepared = prepare({ metadata: { name: "x", namespace: "n", labels: { a: "b" } } });
  expect(prepared.metadata.labels).toEqual({ a: "b", "axle.dev/app": "shop" });
  expect(prepared.metadata.annotations).toEqual({ "axle.dev/id": `c-1/shop:${idOf(prepared)}` });
  expect(markOf(prepared)).toEqual(mark);
  expect(markOf({ ...prepared, metadata: { ...prepared.metadata, namespace: "copy" } })).toBeUndefined();
});

test("what the server sets is not sent", () => {
  const prepared = prepare({
    metadata: { name: "x", uid: "u", resourceVersion: "1", creationTimestamp: null, generation: 2, managedFields: [] },
    status: {},
  });
  expect(Object.keys(prepared.metadata).sort()).toEqual(["annotations", "labels", "name"]);
  expect(prepared).not.toHaveProperty("status");
});

test("stringData of a Secret becomes data, which somebody can own", () => {
  const prepared = prepare({ kind: "Secret", data: { a: "eA==" }, stringData: { b: "y" } });
  expect(prepared["data"]).toEqual({ a: "eA==", b: "eQ==" });
  expect(prepared).not.toHaveProperty("stringData");
});

test("ports get the protocol they are merged by", () => {
  const service = prepare({ kind: "Service", spec: { ports: [{ port: 1 }, { port: 1, protocol: "UDP" }] } });
  expect(service["spec"]).toEqual({
    ports: [
      { port: 1, protocol: "TCP" },
      { port: 1, protocol: "UDP" },
    ],
  });
  const containers = [{ name: "a", ports: [{ containerPort: 1 }] }, { name: "b" }];
  const cron = prepare({
    apiVersion: "batch/v1",
    kind: "CronJob",
    spec: { jobTemplate: { spec: { template: { spec: { containers } } } } },
  });
  expect(JSON.stringify(cron["spec"])).toContain('"ports":[{"containerPort":1,"protocol":"TCP"}]');
});

test("a certificate bundle that is a placeholder is left out of a definition, a real one stays", () => {
  const crd = (caBundle: string): KubeObject => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "a.b" },
    spec: { conversion: { strategy: "Webhook", webhook: { clientConfig: { url: "https://x", caBundle } } } },
  });
  const bundleOf = (caBundle: string) =>
    JSON.stringify(prepareObject(crd(caBundle), { cluster: "c", app: "a" })["spec"]);
  expect(bundleOf("Cg==")).not.toContain("caBundle");
  const pem = Buffer.from("-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n").toString("base64");
  expect(bundleOf(pem)).toContain(pem);
});
