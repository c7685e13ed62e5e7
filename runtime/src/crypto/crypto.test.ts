import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decryptContent, encryptContent } from "./content-encryption.ts";
import { equalSecrets, hmacSha256Hex, sha256Hex } from "./digests.ts";
import { packKeyFromId, packKeyOf } from "./pack-key.ts";
import { publicKeyOf } from "./raw-keys.ts";
import { generateSealingKey, openSealed, sealTo } from "./sealing.ts";
import { generateSigningKey, sign, verify } from "./signing.ts";

// Made once with this code; a change of format must not go unnoticed.
const SEALED_VECTOR =
  "2fe9c35517f027fc877c136cce1a2d37339f63a27131987172564798ff4ca14db8885d4d336765b3cc40c182d5dd6c8c926b4931e8d692398eb5317a315c7f4d4da9a905d2c2ced5b199c59d096f1f82b9";
const PACK_VECTOR = {
  keyId: "5cd507d05a8f49d4e9f71915beea407cf9fafe49a0e1868c7910ddf5f671d28f",
  key: "524d36764d784cefb6806222f753036c7ae909842db4ed4fdf44349e8971b4f8",
  digest: "c6e191ccb10b8ec710a259d0a63895f8d3c1654d20c3b72de4ceb977158f39be",
};

const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const utf8 = (text: string) => new Uint8Array(Buffer.from(text, "utf8"));
const notAuthentic = expect.objectContaining({ code: "not-authentic" });

function flipBit(data: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(data);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

function catchError(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("signing", () => {
  test("S1: agrees with the first vector of RFC 8032", () => {
    const privateKey = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    expect(Buffer.from(publicKeyOf("ed25519", privateKey)).toString("hex")).toBe(
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    );
    expect(Buffer.from(sign(privateKey, "")).toString("hex")).toBe(
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    );
  });

  test("S1: any flipped bit of text or signature, another key, or a signature of another length is refused", () => {
    const { privateKey, publicKey } = generateSigningKey();
    const text = utf8("axle-slice-v1\n1\nc1\n1.7\nk1\nabc");
    const signature = sign(privateKey, text);
    expect(verify(publicKey, text, signature)).toBe(true);
    for (let bit = 0; bit < text.length * 8; bit += 1) {
      expect(verify(publicKey, flipBit(text, bit), signature)).toBe(false);
    }
    for (let bit = 0; bit < signature.length * 8; bit += 1) {
      expect(verify(publicKey, text, flipBit(signature, bit))).toBe(false);
    }
    expect(verify(generateSigningKey().publicKey, text, signature)).toBe(false);
    expect(verify(publicKey, text, signature.subarray(0, 63))).toBe(false);
    expect(verify(publicKey, text, new Uint8Array(0))).toBe(false);
  });

  test("a key of the wrong length is refused", () => {
    expect(catchError(() => sign(new Uint8Array(31), "x"))).toMatchObject({ code: "bad-key" });
  });
});

describe("sealing", () => {
  test("S5: what was sealed opens for its key and context only, whatever the content", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), (plain, context) => {
        const { privateKey, publicKey } = generateSealingKey();
        const sealed = sealTo(publicKey, plain, context);
        expect(Buffer.from(openSealed(privateKey, sealed, context))).toEqual(Buffer.from(plain));
        expect(catchError(() => openSealed(privateKey, sealed, `${context}x`))).toEqual(notAuthentic);
        expect(catchError(() => openSealed(generateSealingKey().privateKey, sealed, context))).toEqual(notAuthentic);
      }),
      { numRuns: 30 },
    );
  });

  test("S1: any flipped bit and any cut is refused", () => {
    const { privateKey, publicKey } = generateSealingKey();
    const sealed = sealTo(publicKey, utf8("secret"), "c1\n1.7");
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      // The top bit of an X25519 public key is ignored by the curve, but not by the key derivation.
      expect(catchError(() => openSealed(privateKey, flipBit(sealed, bit), "c1\n1.7"))).toEqual(notAuthentic);
    }
    for (let length = 0; length < sealed.length; length += 1) {
      expect(catchError(() => openSealed(privateKey, sealed.subarray(0, length), "c1\n1.7"))).toEqual(notAuthentic);
    }
  });

  test("text sealed by an earlier version still opens", () => {
    const privateKey = hex("77076d0a7318a57d3c16c17251b26645d4e8f0b2a8b3f6a0c1d2e3f405162738");
    const sealed = hex(SEALED_VECTOR);
    expect(Buffer.from(openSealed(privateKey, sealed, "axle test")).toString()).toBe("sealed by version one");
  });

  test("a public key nobody can agree a secret with is refused", () => {
    expect(catchError(() => sealTo(new Uint8Array(32), utf8("x"), ""))).toMatchObject({ code: "bad-key" });
  });
});

describe("packs", () => {
  const master = new Uint8Array(32).fill(7);

  test("S5: keys and digests are what they always were for a content", () => {
    const { keyId, key } = packKeyOf(master, utf8("hello"));
    const encrypted = encryptContent(key, utf8("hello"));
    expect({ keyId, key: Buffer.from(key).toString("hex"), digest: sha256Hex(encrypted) }).toEqual(PACK_VECTOR);
    expect(packKeyFromId(master, keyId)).toEqual(key);
  });

  test("equal content has an equal address; other content or another master key has another key", () => {
    const one = packKeyOf(master, utf8("a"));
    expect(encryptContent(one.key, utf8("a"))).toEqual(encryptContent(packKeyOf(master, utf8("a")).key, utf8("a")));
    expect(packKeyOf(master, utf8("b")).key).not.toEqual(one.key);
    expect(packKeyOf(new Uint8Array(32), utf8("a")).key).not.toEqual(one.key);
  });

  test("S1: any flipped bit, any cut and any other key is refused", () => {
    const { key } = packKeyOf(master, utf8("content"));
    const encrypted = encryptContent(key, utf8("content"));
    expect(Buffer.from(decryptContent(key, encrypted)).toString()).toBe("content");
    for (let bit = 0; bit < encrypted.length * 8; bit += 1) {
      expect(catchError(() => decryptContent(key, flipBit(encrypted, bit)))).toEqual(notAuthentic);
    }
    for (let length = 0; length < encrypted.length; length += 1) {
      expect(catchError(() => decryptContent(key, encrypted.subarray(0, length)))).toEqual(notAuthentic);
    }
    expect(catchError(() => decryptContent(packKeyOf(master, utf8("b")).key, encrypted))).toEqual(notAuthentic);
  });

  test("a key id that is none is refused", () => {
    expect(catchError(() => packKeyFromId(master, "xyz"))).toMatchObject({ code: "bad-key" });
    expect(catchError(() => packKeyOf(new Uint8Array(16), utf8("a")))).toMatchObject({ code: "bad-key" });
  });
});

test("digests are SHA-256 and HMAC-SHA256 in hex, and secrets compare whole", () => {
  expect(sha256Hex("abc")).toBe(createHash("sha256").update("abc").digest("hex"));
  expect(hmacSha256Hex(utf8("key"), "The quick brown fox jumps over the lazy dog")).toBe(
    "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
  );
  expect([equalSecrets("a", "a"), equalSecrets("a", "b"), equalSecrets("a", "aa")]).toEqual([true, false, false]);
});
