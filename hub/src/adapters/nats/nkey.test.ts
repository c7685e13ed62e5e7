import { createAccount, createOperator, createUser, fromPublic, fromSeed } from "@nats-io/nkeys";
import { expect, test } from "vitest";
import { deriveNkey, newUserKey, openNkey } from "./nkey.ts";

const seedOf = (key: { getSeed(): Uint8Array }) => Buffer.from(key.getSeed()).toString("ascii");

test.each([
  ["operator", createOperator],
  ["account", createAccount],
  ["user", createUser],
])("an %s made by the nkeys package is opened with the same keys and signs as it does", (_type, create) => {
  const theirs = create();
  const ours = openNkey(`${seedOf(theirs)}\n`);
  expect(ours.id).toBe(theirs.getPublicKey());
  expect(ours.seed).toBe(seedOf(theirs));
  expect(fromPublic(ours.id).verify(Buffer.from("text"), ours.sign("text"))).toBe(true);
});

test.each(["user", "account"] as const)("a derived %s is one that the nkeys package reads", (type) => {
  const ours = deriveNkey("seed", type, "purpose");
  const theirs = fromSeed(Buffer.from(ours.seed, "ascii"));
  expect(theirs.getPublicKey()).toBe(ours.id);
});

test("the same key for the same purpose, another for another purpose, type or parent", () => {
  const { id } = deriveNkey("seed", "user", "agent c1");
  expect(deriveNkey("seed\n", "user", "agent c1").id).toBe(id);
  const others = [
    deriveNkey("seed", "user", "agent c2"),
    deriveNkey("seed", "account", "agent c1"),
    deriveNkey("other", "user", "agent c1"),
    newUserKey(),
  ];
  expect(new Set([id, ...others.map((key) => key.id)]).size).toBe(5);
});

test("text that is no seed is refused, whichever letter is wrong", () => {
  const { seed } = newUserKey();
  for (let index = 0; index < seed.length; index += 1) {
    const altered = `${seed.slice(0, index)}${seed[index] === "A" ? "B" : "A"}${seed.slice(index + 1)}`;
    expect(() => openNkey(altered)).toThrow(/seed/);
  }
  for (const text of ["", "SUA", seed.toLowerCase(), newUserKey().id]) expect(() => openNkey(text)).toThrow(/seed/);
});
