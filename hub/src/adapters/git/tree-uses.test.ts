import { expect, test } from "vitest";
import { TreeUses } from "./tree-uses.ts";

test("what the snapshot stands on is in use for as long as it stands, anything else once", () => {
  const uses = new TreeUses();
  uses.use("a");
  uses.stand(["b"]);
  expect([...uses.take()].sort()).toEqual(["a", "b"]);
  expect([...uses.take()]).toEqual(["b"]);
  uses.stand(["c"]);
  expect([...uses.take()]).toEqual(["c"]);
});

test("what a tree was made of is in use with it, and what that was made of", () => {
  const uses = new TreeUses();
  uses.made("whole", ["raw", "submodule"]);
  uses.made("submodule", ["raw submodule", "large file"]);
  uses.made("whole", ["commit"]);
  uses.stand(["whole"]);
  expect([...uses.take()].sort()).toEqual(["commit", "large file", "raw", "raw submodule", "submodule", "whole"]);
});
