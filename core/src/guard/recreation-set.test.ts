import { expect, test } from "vitest";
import { deletionSetText } from "./deletion-set.ts";
import { recreationSetText } from "./recreation-set.ts";

const id = "/PersistentVolumeClaim/web/data";

test("S4: a yes to a recreation is one to these very objects, in this app and cluster, and none to a deletion", () => {
  const text = recreationSetText("c1", "web", [
    { id: "b", uid: "2" },
    { id: "a", uid: "1" },
  ]);
  expect(text).toBe("axle-recreation-v1\nc1\nweb\na 1\nb 2");
  const one = recreationSetText("c1", "web", [{ id, uid: "1" }]);
  expect(one).not.toBe(recreationSetText("c1", "web", [{ id, uid: "2" }]));
  expect(one).not.toBe(deletionSetText("c1", "web", [id]));
});
