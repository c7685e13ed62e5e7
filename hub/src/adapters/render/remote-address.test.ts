import { describe, expect, test } from "vitest";
import { parseRemoteAddress } from "./remote-address.ts";

describe("addresses kustomize reads as folders of another repository", () => {
  test.each([
    ["https://github.com/org/repo//path/to?ref=v1", "https://github.com/org/repo", "v1", "path/to"],
    ["https://github.com/org/repo/path/to?ref=v1", "https://github.com/org/repo", "v1", "path/to"],
    ["github.com/org/repo/path?ref=main", "https://github.com/org/repo", "main", "path"],
    ["GitHub.com/org/repo?ref=main", "https://github.com/org/repo", "main", ""],
    ["git@github.com:org/repo.git//path?ref=v2", "git@github.com:org/repo.git", "v2", "path"],
    ["git@github.com:org/repo.git/path?ref=v2", "git@github.com:org/repo.git", "v2", "path"],
    ["github.com:org/repo?ref=x", "https://github.com/org/repo", "x", ""],
    ["ssh://git@github.com/org/repo?ref=x", "git@github.com:org/repo", "x", ""],
    ["git@git.example.com:org/repo.git//a/b?ref=v1", "git@git.example.com:org/repo.git", "v1", "a/b"],
    ["ssh://git@git.example.com:7999/org/repo.git//a?ref=v1", "ssh://git@git.example.com:7999/org/repo.git", "v1", "a"],
    ["https://git.example.com/deep/group/repo.git/a?ref=v1", "https://git.example.com/deep/group/repo.git", "v1", "a"],
    ["https://git.example.com/deep/group/repo//a?ref=v1", "https://git.example.com/deep/group/repo", "v1", "a"],
    [
      "https://org@dev.azure.com/org/project/_git/repo/a/b?version=v3",
      "https://dev.azure.com/org/project/_git/repo",
      "v3",
      "a/b",
    ],
    ["https://dev.azure.com/org/project/_git/repo?ref=v3", "https://dev.azure.com/org/project/_git/repo", "v3", ""],
    ["git::https://git.example.com/org/repo.git//a?ref=v1", "https://git.example.com/org/repo.git", "v1", "a"],
    [
      "https://git.example.com/org/repo//a?ref=v1&timeout=90s&submodules=false",
      "https://git.example.com/org/repo",
      "v1",
      "a",
    ],
    ["https://git.example.com/org/repo//a?version=v1&ref=v2", "https://git.example.com/org/repo", "v2", "a"],
    ["https://git.example.com/org/repo", "https://git.example.com/org/repo", "HEAD", ""],
    [
      "http://git.example.com/org/repo//deploy/app.yaml?ref=v1",
      "http://git.example.com/org/repo",
      "v1",
      "deploy/app.yaml",
    ],
    ["https://github.com/org/repo//a?ref=feature/x", "https://github.com/org/repo", "feature/x", "a"],
  ])("%s", (value, url, ref, path) => {
    expect(parseRemoteAddress(value)).toEqual({ type: "git", request: { type: "git", url, ref }, path });
  });
});

describe("addresses of single files", () => {
  test.each([
    "https://raw.githubusercontent.com/org/repo/v1/crd.yaml",
    "https://github.com/org/repo/releases/download/v1.2.3/install.yaml",
    "https://git.example.com/org/repo/raw/branch/main/x.yml?token=none",
    "http://example.com/schema.json",
  ])("%s", (url) => {
    expect(parseRemoteAddress(url)).toEqual({ type: "file", request: { type: "file", url } });
  });

  test("a field that only takes a file has any web address as one, and one that takes a folder has none", () => {
    const url = "https://example.com/org/patch";
    expect(parseRemoteAddress(url, "file")).toEqual({ type: "file", request: { type: "file", url } });
    expect(parseRemoteAddress("git@example.com:org/repo.git", "file")).toBeUndefined();
    expect(parseRemoteAddress("https://example.com/org/component.yaml", "folder")).toMatchObject({ type: "git" });
  });
});

test.each([
  "base",
  "../base",
  "./a.yaml",
  "..",
  ".",
  "a.yaml",
  "a/b.git/c",
  "/etc",
  "org/repo",
  "a=b.txt",
  "x@y/z",
  "",
])("%j is a path", (value) => {
  expect(parseRemoteAddress(value)).toBeUndefined();
});

describe("addresses that are refused say what to write", () => {
  test.each([
    ["file:///srv/repo", /https or ssh/],
    ["git::file:///srv/repo", /https or ssh/],
    ["https://user:secret@git.example.com/org/repo?ref=v1", /credentials/],
    ["https://token@raw.example.com/x.yaml", /credentials/],
    ["ftp://example.com/org/repo", /write https/],
    ["gitlab.com/org/repo?ref=v1", /write https/],
    ["https://example.com/org?ref=v1", /write https/],
    ["https://github.com/org/repo//a/../../b?ref=v1", /\.\./],
    [`https://example.com/${"x".repeat(300)}.yaml`, /too long/],
    [`https://example.com/org/${"x".repeat(300)}?ref=v1`, /too long/],
  ])("%s", (value, words) => {
    expect(parseRemoteAddress(value)).toEqual({ type: "refused", message: expect.stringMatching(words) as unknown });
  });
});
