import { expect, test } from "vitest";
import { toolCacheDirectory, toolKey } from "./tool-cache.ts";
import { type Tool, toolCatalogue } from "./tool-catalogue.ts";

const linux = { os: "linux", arch: "amd64" };
const [first] = toolCatalogue;
const tool = first as Tool;

test("a key is the same for the same inputs and says what it is for", () => {
  const key = toolKey(tool, "module x", linux);
  expect(key).toBe(toolKey({ ...tool }, "module x", { ...linux }));
  expect(key).toMatch(new RegExp(`^${tool.name}-${tool.version}-[0-9a-f]{16}$`));
});

test("a key changes with everything that can change the binary", () => {
  const keys = [
    toolKey(tool, "module x", linux),
    toolKey(tool, "module y", linux),
    toolKey({ ...tool, ldflags: "-s" }, "module x", linux),
    toolKey({ ...tool, goPackage: "example.test/other" }, "module x", linux),
    toolKey({ ...tool, version: "9.9.9" }, "module x", linux),
    toolKey(tool, "module x", { ...linux, arch: "arm64" }),
    toolKey(tool, "module x", { ...linux, os: "darwin" }),
  ];
  expect(new Set(keys).size).toBe(keys.length);
});

test("the cache is in the user's cache folder", () => {
  expect(toolCacheDirectory({ XDG_CACHE_HOME: "/c" })).toBe("/c/axle/tools");
  expect(toolCacheDirectory({ HOME: "/h" })).toBe("/h/.cache/axle/tools");
  expect(toolCacheDirectory({ HOME: "/h", XDG_CACHE_HOME: "" })).toBe("/h/.cache/axle/tools");
});
