import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatJoinToken, parseJoinToken } from "./join-token.ts";

const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 });
const anyContent = fc.record({ hubAddress: text, caFingerprint: text, caPem: text, id: text, secret: text });

describe("a join token", () => {
  test("gives back what was put in, as one word", () => {
    fc.assert(
      fc.property(anyContent, (content) => {
        const token = formatJoinToken(content);
        expect(token).toMatch(/^axle1\.[A-Za-z0-9_-]+$/);
        expect(parseJoinToken(`  ${token}\n`)).toEqual({ content });
      }),
    );
  });

  test("that is cut short or altered is never taken for a whole one with other parts missing", () => {
    const token = formatJoinToken({
      hubAddress: "hub:7443",
      caFingerprint: "ab",
      caPem: "PEM",
      id: "t-1",
      secret: "s",
    });
    for (let length = 0; length < token.length; length += 1) {
      expect(parseJoinToken(token.slice(0, length))).toHaveProperty("problem");
    }
    fc.assert(
      fc.property(fc.string(), (garbage) => {
        expect(parseJoinToken(`axle1.${garbage}`)).toHaveProperty("problem");
      }),
    );
  });

  test("says what is wrong without repeating the token", () => {
    expect(parseJoinToken("secret-of-somebody")).toEqual({
      problem: 'not a join token: it has to begin with "axle1."; `axle token create` prints one',
    });
    expect(parseJoinToken("axle1.c2VjcmV0")).toEqual({
      problem: "the join token is damaged: was it copied whole, without line breaks?",
    });
    expect(parseJoinToken(`axle1.${"A".repeat(20_000)}`)).toEqual({ problem: "not a join token: it is too long" });
  });
});
