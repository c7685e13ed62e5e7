import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JoinToken, Registration } from "../registry-ports.ts";
import { decideJoin, useToken } from "./join-rules.ts";
import type { JoinCase } from "./join-rules.ts";

const NOW_MS = 1_000_000;

const token: JoinToken = {
  id: "t-1",
  secretHash: "",
  labels: { env: "prod" },
  namePattern: "prod-*",
  usesLeft: 1,
  usedBy: [],
  expiresAtMs: NOW_MS + 1,
  manualApproval: false,
  createdAtMs: 0,
};

const registration: Registration = {
  id: "c-1",
  name: "prod-1",
  labels: {},
  keyFingerprint: "key-1",
  sealPublicKey: "",
  kubeSystemUid: "uid-1",
  tokenId: "t-0",
  state: "active",
  joinedAtMs: 0,
  agentVersion: "",
  facts: { kubernetesVersion: "", provider: "", nodes: 0, apiVersions: [] },
};

const joining: JoinCase = {
  token,
  applicant: { name: "prod-2", keyFingerprint: "key-2" },
  byKey: undefined,
  byName: undefined,
  byUid: undefined,
  nowMs: NOW_MS,
};

describe("joining", () => {
  test("a new key under a free name that the token allows joins", () => {
    expect(decideJoin(joining)).toEqual({ type: "join", name: "prod-2" });
  });

  test("a token for one name needs no name from the agent", () => {
    const exact = { ...joining, token: { ...token, namePattern: "prod-7" } };
    expect(decideJoin({ ...exact, applicant: { name: "", keyFingerprint: "key-2" } })).toMatchObject({
      name: "prod-7",
    });
    expect(decideJoin({ ...joining, applicant: { name: "", keyFingerprint: "key-2" } })).toMatchObject({
      type: "refuse",
      code: "invalid-argument",
    });
  });

  test("the same key again is the same cluster, though the token is used up and expired", () => {
    const again: JoinCase = {
      ...joining,
      applicant: { name: "prod-1", keyFingerprint: "key-1" },
      byKey: registration,
      token: { ...token, usesLeft: 0, usedBy: ["key-1"], expiresAtMs: 0 },
    };
    expect(decideJoin(again)).toEqual({ type: "known", registration });
    expect(decideJoin({ ...again, applicant: { name: "", keyFingerprint: "key-1" } })).toMatchObject({ type: "known" });
    expect(decideJoin({ ...again, applicant: { name: "prod-9", keyFingerprint: "key-1" } })).toMatchObject({
      type: "refuse",
      code: "failed-precondition",
    });
  });

  test("a known key needs a token that is still good, or one it used itself", () => {
    const known = { ...joining, applicant: { name: "prod-1", keyFingerprint: "key-1" }, byKey: registration };
    expect(decideJoin(known)).toMatchObject({ type: "known" });
    expect(decideJoin({ ...known, nowMs: token.expiresAtMs })).toMatchObject({ type: "refuse" });
  });

  test("a revoked key stays out, whatever its token", () => {
    const revoked = { ...registration, state: "revoked" as const };
    expect(decideJoin({ ...joining, byKey: revoked, token: { ...token, usesLeft: 9 } })).toMatchObject({
      type: "refuse",
      code: "permission-denied",
    });
  });

  test("a new key for a known name or a known cluster waits, and says whom it would replace", () => {
    expect(decideJoin({ ...joining, byName: registration })).toMatchObject({ type: "wait", replaces: "c-1" });
    expect(decideJoin({ ...joining, byUid: registration })).toMatchObject({ type: "wait", replaces: "c-1" });
    expect(decideJoin({ ...joining, token: { ...token, manualApproval: true } })).toMatchObject({
      type: "wait",
      name: "prod-2",
    });
  });

  test("nobody joins past the end of a token, out of its names or beyond its uses, whatever else is true", () => {
    const anyCase = fc.record({
      usesLeft: fc.nat(2),
      usedBy: fc.subarray(["key-2", "key-3"]),
      expiresInMs: fc.integer({ min: -2, max: 2 }),
      name: fc.constantFrom("prod-2", "dev-2", "", "Prod_2"),
      byName: fc.constantFrom(undefined, registration),
      byUid: fc.constantFrom(undefined, registration),
      manualApproval: fc.boolean(),
    });
    fc.assert(
      fc.property(anyCase, ({ usesLeft, usedBy, expiresInMs, name, byName, byUid, manualApproval }) => {
        const decision = decideJoin({
          ...joining,
          token: { ...token, usesLeft, usedBy, expiresAtMs: NOW_MS + expiresInMs, manualApproval },
          applicant: { name, keyFingerprint: "key-2" },
          byName,
          byUid,
        });
        const mayUse = usedBy.includes("key-2") || (usesLeft > 0 && expiresInMs > 0);
        if (!mayUse || name !== "prod-2") expect(decision.type).toBe("refuse");
        else if (byName !== undefined || byUid !== undefined || manualApproval) expect(decision.type).toBe("wait");
        else expect(decision.type).toBe("join");
      }),
    );
  });
});

describe("the uses of a token", () => {
  test("are never exceeded, and a key that comes again takes none", () => {
    const keys = fc.array(fc.constantFrom("a", "b", "c", "d", "e"), { maxLength: 20 });
    fc.assert(
      fc.property(fc.nat(4), keys, (uses, sequence) => {
        let current: JoinToken = { ...token, usesLeft: uses };
        const accepted = new Set<string>();
        for (const key of sequence) {
          const used = useToken(current, key);
          if (used === undefined) expect(accepted.has(key)).toBe(false);
          else accepted.add(key);
          current = used ?? current;
        }
        expect(accepted.size).toBe(Math.min(uses, new Set(sequence).size));
        expect(current.usesLeft).toBe(uses - accepted.size);
        expect(current.usedBy).toEqual([...accepted]);
      }),
    );
  });
});
