import { branchMount } from "@axle/core/fleet/branch-pattern.ts";
import type { Resolution } from "@axle/core/placement/resolution.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";
import { expect, test } from "vitest";
import type { FleetRecord, RefRecord, Snapshot } from "../ports.ts";
import type { UsedRef } from "../sources/source-bringer.ts";
import { commitOfPath } from "./commit-of-path.ts";
import { readRefTurn } from "./ref-commits.ts";

const slice: SliceNumber = { epoch: 1, n: 1 };

function fleet(accepted: string, refs: Readonly<Record<string, RefRecord>>): FleetRecord {
  return { name: "acme", head: accepted, accepted, problems: [], commits: [], epoch: 1, refs };
}

function read(commit: string, refs: Readonly<Record<string, string>>) {
  const used = Object.entries(refs).map(([branch, accepted]): [string, UsedRef] => {
    const ref = `refs/heads/${branch}`;
    return [ref, { ref, head: accepted, accepted, subject: `of ${accepted}` }];
  });
  return { snapshot: { commit } as Snapshot, refs: new Map(used) };
}

/** An app that one cluster gets from each branch. */
function resolution(targets: Readonly<Record<string, string>>): Pick<Resolution, "apps"> {
  const variants = Object.values(targets).map((branch) => [branch, { path: `${branchMount(branch)}/web` }] as const);
  const reached = Object.entries(targets).map(([cluster, branch]) => [cluster, { variant: branch }] as const);
  const app = { variants: new Map(variants), targets: new Map(reached) };
  return { apps: new Map([["web", app]]) } as unknown as Pick<Resolution, "apps">;
}

const TARGETS = resolution({ s1: "staging", p1: "prod" });
const known = {
  "refs/heads/staging": { head: "s1", accepted: "s1" },
  "refs/heads/prod": { head: "p1", accepted: "p1" },
};

test("slices of a turn belong to the branch that moved", () => {
  const turn = readRefTurn({
    read: read("m1", { staging: "s2", prod: "p1" }),
    fleet: fleet("m1", known),
    resolution: TARGETS,
    published: { s1: slice },
  });
  expect(turn.commits).toEqual([{ commit: "s2", subject: "of s2", ref: "branch staging", slices: { s1: slice } }]);
  expect(turn.slices).toEqual({});
  expect(turn.refs["refs/heads/staging"]).toEqual({ head: "s2", accepted: "s2" });
});

test("when the followed branch moves as well, a slice is of both", () => {
  const turn = readRefTurn({
    read: read("m2", { staging: "s2", prod: "p1" }),
    fleet: fleet("m1", known),
    resolution: TARGETS,
    published: { s1: slice, p1: slice },
  });
  expect(turn.commits[0]?.slices).toEqual({ s1: slice });
  expect(turn.slices).toEqual({ s1: slice, p1: slice });
});

test("what a branch takes away belongs to it too", () => {
  const turn = readRefTurn({
    read: read("m1", { staging: "s2", prod: "p1" }),
    fleet: fleet("m1", known),
    resolution: resolution({ p1: "prod" }),
    published: { s1: slice },
  });
  expect(turn.commits[0]?.slices).toEqual({ s1: slice });
});

test("a yes to a rewritten branch is kept until it is taken", () => {
  const refs = { "refs/heads/prod": { head: "p2", accepted: "p1", allowedRewrite: "p2" } };
  const still = read("m1", {});
  still.refs.set("refs/heads/prod", { ref: "refs/heads/prod", head: "p2", accepted: "p1", subject: "" });
  const parts = { fleet: fleet("m1", refs), resolution: TARGETS, published: {} };
  expect(readRefTurn({ ...parts, read: still }).refs["refs/heads/prod"]).toEqual(refs["refs/heads/prod"]);
  expect(readRefTurn({ ...parts, read: read("m1", { prod: "p2" }) }).refs["refs/heads/prod"]).toEqual({
    head: "p2",
    accepted: "p2",
  });
});

test("what stands in a branch is of the branch's commit, unless the turn is about another", () => {
  const path = `${branchMount("staging")}/web`;
  expect(commitOfPath(read("m1", { staging: "s2" }), fleet("m1", known))(path)).toBe("s2");
  expect(commitOfPath(read("m2", { staging: "s1" }), fleet("m1", known))(path)).toBeUndefined();
  expect(commitOfPath(read("m2", { staging: "s2" }), fleet("m1", known))(path)).toBe("s2");
  expect(commitOfPath(read("m1", { staging: "s1" }), fleet("m1", known))(path)).toBe("s1");
  expect(commitOfPath(read("m1", { staging: "s1" }), undefined)("apps/web")).toBeUndefined();
});
