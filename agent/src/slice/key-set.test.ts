import { type KeySet, keySetText } from "@axle/core/session/key-set.ts";
import type { RawKeyPair } from "@axle/runtime/crypto/raw-keys.ts";
import { generateSigningKey, sign } from "@axle/runtime/crypto/signing.ts";
import { describe, expect, it } from "vitest";
import { acceptKeySet, findSigningKey } from "./key-set.ts";

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const root = generateSigningKey();

function keySet(version: number, id: string, by: RawKeyPair = root): KeySet {
  const keys = [{ id, publicKey: base64(generateSigningKey().publicKey) }];
  const signature = base64(sign(by.privateKey, keySetText({ version, keys })));
  return { version, keys, rootPublicKey: base64(by.publicKey), signature };
}

describe("the trusted key set", () => {
  const first = keySet(1, "a");

  it("S1: is taken at registration when its own root signed it", () => {
    expect(acceptKeySet(undefined, first)).toBe(first);
  });

  it("S1: gives way to a newer one of the same root", () => {
    const second = keySet(2, "b");
    expect(acceptKeySet(first, second)).toBe(second);
  });

  it("S1: stays when an older or equal one is offered", () => {
    const second = keySet(2, "b");
    expect(acceptKeySet(second, first)).toBe(second);
    expect(acceptKeySet(second, keySet(2, "c"))).toBe(second);
  });

  it.each([
    ["of another root", keySet(2, "b", generateSigningKey())],
    ["the root did not sign", { ...keySet(2, "b"), signature: base64(new Uint8Array(64)) }],
    ["whose keys were exchanged", { ...keySet(2, "b"), keys: keySet(2, "c").keys }],
    ["whose version was raised", { ...keySet(2, "b"), version: 3 }],
    ["without a signature", { ...keySet(2, "b"), signature: "" }],
  ])("S1: never gives way to one %s", (_, offered) => {
    expect(() => acceptKeySet(first, offered)).toThrow(expect.objectContaining({ code: "untrusted-key" }));
  });

  it("S1: is refused at registration when the root's key is no key", () => {
    expect(() => acceptKeySet(undefined, { ...first, rootPublicKey: "AAAA" })).toThrow(/root key/);
  });

  it("finds keys by id, and only keys of the right length", () => {
    expect(findSigningKey(first, "a")).toHaveLength(32);
    expect(findSigningKey(first, "b")).toBeUndefined();
    expect(findSigningKey({ ...first, keys: [{ id: "a", publicKey: "AAAA" }] }, "a")).toBeUndefined();
  });
});
