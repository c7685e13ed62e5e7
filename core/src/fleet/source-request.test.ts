import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeFolder, describeSource, mountOf, sourceKey, splitMount, fileNameOf } from "./source-request.ts";
import type { SourceRequest } from "./source-request.ts";

const podinfo: SourceRequest = {
  type: "chart",
  repository: "oci://registry.example.com/charts",
  name: "podinfo",
  version: "6.1.0+build.5",
};
const requests = fc.oneof(
  fc.record({ type: fc.constant("ref" as const), ref: fc.string({ minLength: 1 }) }),
  fc.record({ type: fc.constant("git" as const), url: fc.string({ minLength: 1 }), ref: fc.string({ minLength: 1 }) }),
  fc.record({
    type: fc.constant("chart" as const),
    repository: fc.string({ minLength: 1 }),
    name: fc.string({ minLength: 1 }),
    version: fc.string({ minLength: 1 }),
  }),
);

describe("where a source is mounted", () => {
  test("is one folder that says what it is", () => {
    expect(mountOf(podinfo)).toBe(
      ".axle/sources/chart/oci%3A%2F%2Fregistry.example.com%2Fcharts/podinfo/6.1.0%2Bbuild.5",
    );
    expect(mountOf({ type: "ref", ref: "../.." })).toBe(".axle/sources/ref/%2E%2E%2F..");
  });

  test("tells the request again, and a path in it", () => {
    fc.assert(
      fc.property(requests, (request) => {
        expect(splitMount(mountOf(request))).toEqual({ request, path: "" });
        expect(splitMount(`${mountOf(request)}/deploy/web`)).toEqual({ request, path: "deploy/web" });
      }),
    );
  });

  test.each([
    "",
    "apps/web",
    ".axle",
    ".axle/sources",
    ".axle/sources/ref",
    ".axle/sources/git/x",
    ".axle/sources/else/x",
  ])("is not %j", (path) => {
    expect(splitMount(path)).toBeUndefined();
  });
});

test("two requests have neither a key nor a mount in common", () => {
  fc.assert(
    fc.property(requests, requests, (a, b) => {
      fc.pre(JSON.stringify(a) !== JSON.stringify(b));
      expect(mountOf(a)).not.toBe(mountOf(b));
    }),
  );
  expect(sourceKey(podinfo)).toBe("chart oci://registry.example.com/charts podinfo 6.1.0+build.5");
});

test("messages name the source, not the folder it stands in", () => {
  expect(describeSource(podinfo)).toBe("chart podinfo 6.1.0+build.5 from oci://registry.example.com/charts");
  expect(describeFolder(`${mountOf({ type: "ref", ref: "staging" })}/apps/web`)).toBe("apps/web (ref staging)");
  expect(describeFolder(mountOf({ type: "git", url: "https://git.example.com/a.git", ref: "main" }))).toBe(
    "https://git.example.com/a.git at main",
  );
  expect(describeFolder(`${mountOf({ type: "ref", ref: "refs/heads/env/dev" })}/a`)).toBe("a (branch env/dev)");
  expect([describeFolder("apps/web"), describeFolder("")]).toEqual(["apps/web", "the root of the repository"]);
});

test("a file is named by its address, and by something that can be a name", () => {
  const named = (url: string): string => fileNameOf({ type: "file", url });
  expect(named("https://example.com/a/crd.yaml?token=x#y")).toBe("crd.yaml");
  expect(named("https://example.com/a b/é.yaml")).toBe("_.yaml");
  expect([named("https://example.com/a/"), named("https://example.com/a/..")]).toEqual(["file", "file"]);
});
