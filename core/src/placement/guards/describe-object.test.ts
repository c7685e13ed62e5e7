import { describe, expect, it } from "vitest";
import type { KubeObject } from "../../manifest/object.ts";
import { describeObject } from "./describe-object.ts";

const secret = (fields: Record<string, unknown>): KubeObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "db", namespace: "web" },
  ...fields,
});

describe("what is remembered of an object", () => {
  it("S5: is never a value of a Secret", () => {
    const described = describeObject(secret({ stringData: { password: "hunter2" } }), "a.yaml");
    expect(described).toEqual({ id: "/Secret/web/db", file: "a.yaml", apiVersion: "v1", plainSecret: true });
  });

  it("does not call a Secret plain that SOPS encrypted", () => {
    const encrypted = { data: { a: "ENC[AES256_GCM,data:x]" }, sops: { mac: "ENC[x]" } };
    expect(describeObject(secret(encrypted), "a.yaml").plainSecret).toBeUndefined();
  });

  it("has the kinds a definition serves", () => {
    const definition: KubeObject = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "widgets.example.com" },
      spec: {
        group: "example.com",
        names: { kind: "Widget" },
        versions: [{ name: "v1", served: true }, { name: "v1alpha1", served: false }, { name: "v2" }],
      },
    };
    expect(describeObject(definition, "a.yaml").defines).toEqual(["example.com/v1/Widget", "example.com/v2/Widget"]);
  });
});
