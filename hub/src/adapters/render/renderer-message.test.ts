import { expect, test } from "vitest";
import { cleanMessage } from "./renderer-message.ts";

test.each([
  ["Error: lstat /data/render/tree/h/x.yaml: no such file", "lstat h/x.yaml: no such file"],
  ["must build at directory: '/data/render/tree/base'", "must build at directory: 'base'"],
  ["file '/tree/a/b.yaml' is not in or below '/tree'", "file 'a/b.yaml' is not in or below '.'"],
  ["the source/tree/of things in apps/tree/x.yaml", "the source/tree/of things in apps/tree/x.yaml"],
  ["no such file: /data/render/run/run-Ab12Cd/objects.yaml", "no such file: objects.yaml"],
  ["no such file: /run/run-Ab12Cd/objects.yaml", "no such file: objects.yaml"],
  ["Error: YAML parse error on a\n\nUse --debug flag to render out invalid YAML\n", "YAML parse error on a"],
])("%j reads as %j", (message, clean) => {
  expect(cleanMessage(message, "/data/render/tree")).toBe(clean);
});

test("S5: objects that kustomize shows in its messages are left out, and so is what differs each time", () => {
  const message =
    'merging from generator &{0x3cb08e4179e0 <nil>}: found multiple objects [{"apiVersion":"v1","data":{"p":"hunter2"},"kind":"Secret"}] that could accept merge';
  const cleaned = cleanMessage(message, "/data/render/tree");
  expect(cleaned).toBe("merging from generator &{… <nil>}: found multiple objects …");
});

test("what helm logs before its error is no part of it", () => {
  const message = 'level=INFO msg="found symbolic link in path" path=x\nError: no such file';
  expect(cleanMessage(message, "/data/render/tree")).toBe("no such file");
});

test.each(["a", "/a", "a/", "level=INFO msg=x\n", "\n"])("a message of %j without end is cut, in no time", (piece) => {
  const startedMs = performance.now();
  const cleaned = cleanMessage(`Error: at x.yaml: ${piece.repeat(64_000)} the cause`, "/data/render/tree");
  expect(performance.now() - startedMs).toBeLessThan(1_000);
  expect(cleaned.length).toBeLessThan(4_100);
  expect(cleaned).toMatch(/^at x\.yaml: .*the cause$/s);
});
