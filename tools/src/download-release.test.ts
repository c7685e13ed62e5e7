import { expect, test } from "vitest";
import { findChecksum, throughMirror } from "./download-release.ts";

const sum = "a".repeat(64);
const other = "b".repeat(64);

test("a checksum is found alone, in a list, and in a GitHub release", () => {
  expect(findChecksum(`${sum}\n`, "x")).toBe(sum);
  expect(findChecksum(`${other}  y\n${sum}  x\n`, "x")).toBe(sum);
  expect(findChecksum(`${other} *dist/y\n${sum} *dist/x\n`, "x")).toBe(sum);
  const assets = [
    { name: "y", digest: `sha256:${other}` },
    { name: "x", digest: `sha256:${sum}` },
  ];
  expect(findChecksum(JSON.stringify({ assets }), "x")).toBe(sum);
});

test("what names no checksum for the file gives none", () => {
  expect(findChecksum("", "x")).toBeUndefined();
  expect(findChecksum("<html>sign in</html>", "x")).toBeUndefined();
  expect(findChecksum(`${sum}  xx\n`, "x")).toBeUndefined();
  expect(findChecksum("{broken", "x")).toBeUndefined();
  expect(findChecksum(JSON.stringify({ assets: [{ name: "x", digest: "md5:1" }] }), "x")).toBeUndefined();
});

test("a mirror keeps files below the host they come from", () => {
  const url = "https://dl.example/release/v1/tool";
  expect(throughMirror(url, "http://mirror.example/tools/")).toBe(
    "http://mirror.example/tools/dl.example/release/v1/tool",
  );
  expect(throughMirror(url, undefined)).toBe(url);
});
