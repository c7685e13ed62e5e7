import { describe, expect, it } from "vitest";
import { DEFAULT_SYNC } from "../fleet/app.ts";
import { checkSliceBody, checkSliceEnvelope } from "./slice-schema.ts";
import type { SliceBody, SliceEnvelope } from "./slice.ts";

const ENVELOPE: SliceEnvelope = {
  format: 1,
  cluster: "c1",
  number: { epoch: 1, n: 2 },
  keyId: "k",
  sealed: "AAAA",
  signature: "AAAA",
};

const BODY: SliceBody = {
  format: 1,
  cluster: "c1",
  number: { epoch: 1, n: 2 },
  apps: [
    {
      name: "web",
      revision: 3,
      commit: "abc",
      packs: [{ digest: "0".repeat(64), key: "AAAA", size: 1, chunks: 1 }],
      substitutions: { A: "b", N: 6, ON: true },
      settings: { sync: DEFAULT_SYNC, dependsOn: [], namespace: "web", ignoreDifferences: [{}], healthChecks: [] },
      held: "does not render",
    },
  ],
  approvals: [{ id: "1", app: "web", hash: "h", expiresAtMs: 1 }],
  deletionHolds: [{ app: "web", reason: "many" }],
};

describe("the shape of a slice", () => {
  it("takes a whole body as it stands", () => {
    expect(checkSliceBody(BODY)).toEqual({ value: BODY });
  });

  it("takes an envelope, and drops what a newer hub adds", () => {
    expect(checkSliceEnvelope({ ...ENVELOPE, later: 1 })).toEqual({ value: ENVELOPE });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["another format", { format: 2 }, "format"],
    ["no cluster", { cluster: "" }, "cluster"],
    ["a number below zero", { number: { epoch: -1, n: 0 } }, "number.epoch"],
    ["a number that is not exact", { number: { epoch: 1, n: 2 ** 60 } }, "number.n"],
    ["a number that is text", { number: { epoch: "1", n: 1 } }, "number.epoch"],
    ["a signature that is not base64", { signature: "?" }, "signature"],
  ])("refuses an envelope with %s, naming the field", (_, change, field) => {
    expect(checkSliceEnvelope({ ...ENVELOPE, ...change })).toEqual({ problem: expect.stringContaining(`${field}:`) });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["apps that are no list", { apps: {} }, "apps"],
    ["an app without settings", { apps: [{ ...BODY.apps[0], settings: undefined }] }, "apps.0.settings"],
    [
      "a digest that is a path",
      { apps: [{ ...BODY.apps[0], packs: [{ ...BODY.apps[0]?.packs[0], digest: "../x" }] }] },
      "apps.0.packs.0.digest",
    ],
    [
      "a substitution that is no scalar",
      { apps: [{ ...BODY.apps[0], substitutions: { A: [1] } }] },
      "apps.0.substitutions.A",
    ],
  ])("refuses a body with %s, naming the field", (_, change, field) => {
    expect(checkSliceBody({ ...BODY, ...change })).toEqual({ problem: expect.stringContaining(`${field}:`) });
  });

  it.each([undefined, null, 1, "x", []])("refuses %j", (value) => {
    expect(checkSliceEnvelope(value)).toHaveProperty("problem");
  });
});
