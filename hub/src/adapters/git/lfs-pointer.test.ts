import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { namesLfs, parseLfsPointer } from "./lfs-pointer.ts";

const oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
const POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize 12345\n`;

test("a pointer is read", () => {
  expect(parseLfsPointer(Buffer.from(POINTER))).toEqual({ oid, size: 12345 });
});

describe("anything else is a file like any other", () => {
  test.each([
    ["kind: ConfigMap\n".repeat(10)],
    [`${POINTER}kind: ConfigMap\n`],
    [`# ${POINTER}`],
    [POINTER.replace("sha256", "md5")],
    [POINTER.replace("12345", "-1")],
    [POINTER.replace("12345", "1e9")],
    [POINTER.replace(oid, oid.slice(1))],
    [POINTER.replace("version", "Version")],
    [`${POINTER}${"x".repeat(2000)}`],
  ])("%j", (text) => {
    expect(parseLfsPointer(Buffer.from(text))).toBeUndefined();
  });

  test("whatever bytes come", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1200 }), (bytes) => {
        expect(parseLfsPointer(Buffer.from(bytes))).toBeUndefined();
      }),
    );
  });
});

test.each([
  ["*.bin filter=lfs diff=lfs merge=lfs -text\n", true],
  ["*.txt text\ncharts/*.tgz\tfilter=lfs\n", true],
  ["# *.bin filter=lfs\n", false],
  ["*.bin filter=lfsx\n", false],
  ["", false],
])("%j names LFS: %s", (text, expected) => {
  expect(namesLfs(text)).toBe(expected);
});
