import { expect, test } from "vitest";
import { type Tool, toolCatalogue } from "./tool-catalogue.ts";
import { rejectVersion } from "./tool-version.ts";

function find(name: string): Tool {
  return toolCatalogue.find((tool) => tool.name === name) as Tool;
}

test("a part of a control plane has to have our minor version", () => {
  const tool = { ...find("kube-apiserver"), version: "1.37.0" };
  expect(rejectVersion(tool, "1.37.4")).toBeUndefined();
  expect(rejectVersion(tool, "1.36.0")).toBe("is 1.36.0, 1.37 is needed");
  expect(rejectVersion(tool, undefined)).toBe("does not say its version");
});

test("a tool that users have of their own has to have our major version and what we use of it", () => {
  const tool = { ...find("nats-server"), version: "2.15.2", oldest: "2.12.0" };
  expect(rejectVersion(tool, "2.12.0")).toBeUndefined();
  expect(rejectVersion(tool, "2.99.0")).toBeUndefined();
  expect(rejectVersion(tool, "2.11.9")).toBe("is 2.11.9, at least 2.12.0 is needed");
  expect(rejectVersion(tool, "3.0.0")).toBe("is 3.0.0, 2.x is needed");
});
