import { describe, expect, it } from "vitest";
import { isAppFileName, resolveRepositoryPath } from "./repository-path.ts";

describe("resolveRepositoryPath", () => {
  it.each([
    ["apps/web", "./manifests", "apps/web/manifests"],
    ["apps/web", "manifests/", "apps/web/manifests"],
    ["apps/web", ".", "apps/web"],
    ["apps/web", "../api//x", "apps/api/x"],
    ["apps/web", "/charts/x", "charts/x"],
    ["apps/web", "/", ""],
    ["apps/web", "../..", ""],
    ["", "x", "x"],
    ["apps/web", "../../..", undefined],
    ["apps/web", "/..", undefined],
    ["apps/web", "x/../../../../apps", undefined],
  ])("from %j, %j is %j", (base, written, expected) => {
    expect(resolveRepositoryPath(base, written)).toBe(expected);
  });
});

describe("isAppFileName", () => {
  it.each([
    ["app.yaml", true],
    ["a/b/web.app.yaml", true],
    ["a/app.yml", true],
    ["a/myapp.yaml", false],
    ["a/.app.yaml", false],
    ["app.yaml/x.yaml", false],
  ])("%s: %s", (path, expected) => {
    expect(isAppFileName(path)).toBe(expected);
  });
});
