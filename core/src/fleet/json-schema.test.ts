import { describe, expect, it } from "vitest";
import { jsonSchemaOf } from "./json-schema.ts";

describe("jsonSchemaOf", () => {
  it.each(["Fleet", "Cluster", "App"] as const)("gives editors a closed, described schema of a %s", (kind) => {
    expect(jsonSchemaOf(kind)).toMatchObject({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      additionalProperties: false,
      description: expect.any(String),
      properties: { apiVersion: { const: "axle.dev/v1" }, kind: { const: kind }, metadata: { required: ["name"] } },
    });
  });

  it("requires of an App what it cannot do without", () => {
    expect(jsonSchemaOf("App")).toMatchObject({ properties: { spec: { required: ["source", "clusters"] } } });
  });
});
