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
