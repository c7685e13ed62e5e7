import { describe, expect, test } from "vitest";
import { findRef } from "./find-ref.ts";

const refs = new Map([
  ["refs/heads/next", "a"],
  ["refs/heads/both", "b"],
  ["refs/tags/both", "c"],
  ["refs/heads/same", "d"],
  ["refs/tags/same", "d"],
  ["refs/tags/v1", "e"],
]);
const ID = "0123456789".repeat(4);

describe("a ref as somebody wrote it", () => {
  test.each([
    ["next", { type: "found", commit: "a", isTag: false }],
    ["refs/heads/next", { type: "found", commit: "a", isTag: false }],
    ["v1", { type: "found", commit: "e", isTag: true }],
    ["refs/tags/both", { type: "found", commit: "c", isTag: true }],
    ["same", { type: "found", commit: "d", isTag: false }],
    [ID, { type: "found", commit: ID, isTag: false }],
    ["both", { type: "ambiguous" }],
    ["refs/tags/next", { type: "missing" }],
    ["0123456", { type: "missing" }],
  ])("%s", (written, found) => {
    expect(findRef(written, refs)).toEqual(found);
  });
});
