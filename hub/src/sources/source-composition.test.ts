import type { SourceRequest } from "@axle/core/fleet/source-request.ts";
import { expect, test } from "vitest";
import { usedRefsOf } from "./source-composition.ts";
import { SourceError } from "./source-error.ts";

const request = (ref: string): SourceRequest => ({ type: "ref", ref });
const error = new SourceError("unreachable", "nobody answers");

test("S3: a ref that cannot be had keeps the commit in force, so that it must still descend from that", () => {
  const inForce = { "refs/heads/prod": { head: "p2", accepted: "p1" } };
  const refs = usedRefsOf([{ request: request("refs/heads/prod"), error }], inForce);
  expect([...refs.values()]).toEqual([{ ref: "refs/heads/prod", head: "p2", accepted: "p1", subject: "" }]);
});

test("a ref that could never be had is none that is used, and one that no file names is forgotten", () => {
  const inForce = { "refs/heads/prod": { head: "p1", accepted: "p1" } };
  const used = { ref: "v1", head: "t1", accepted: "t1", subject: "one" };
  const sources = [
    { request: request("v1"), tree: "t", used },
    { request: request("v2"), error },
  ];
  expect([...usedRefsOf(sources, inForce)]).toEqual([["v1", used]]);
});
