import fc from "fast-check";
import { expect, test } from "vitest";
import { type AgentSign, findTwins, noteSign, TWIN_TIMES } from "./find-twins.ts";

/** Signs of life as `agent@second`. */
function signsOf(...words: readonly string[]): readonly AgentSign[] {
  return words.reduce<readonly AgentSign[]>((signs, word) => {
    const [agent = "", second = ""] = word.split("@");
    return noteSign(signs, { agent, from: `10.0.0.${agent}` }, Number(second) * 1_000);
  }, []);
}

test("a restart leaves one agent, however often the old one tried to come back meanwhile", () => {
  expect(findTwins(signsOf("1@0", "1@30", "2@31", "1@32", "1@34", "1@38", "2@60", "2@90", "2@120"))).toBeUndefined();
});

test("two agents that both keep answering for a minute are twins", () => {
  const both = Array.from({ length: 5 }, (_, i) => [`1@${i * 20}`, `2@${i * 20 + 5}`]).flat();
  const [a, b] = findTwins(signsOf(...both)) ?? [];
  expect(new Set([a?.from, b?.from])).toEqual(new Set(["10.0.0.1", "10.0.0.2"]));
});

test("an agent that hung for an hour and wakes is none, for it stops by itself", () => {
  const working = Array.from({ length: 200 }, (_, i) => `2@${20 + i * 20}`);
  expect(findTwins(signsOf("1@0", ...working, "1@4020", "1@4024"))).toBeUndefined();
});

test("one agent alone is never two, whatever the times", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(10_000_000)), (times) => {
      const signs = times
        .toSorted((a, b) => a - b)
        .reduce<readonly AgentSign[]>((all, atMs) => noteSign(all, { agent: "a", from: "x" }, atMs), []);
      expect(findTwins(signs)).toBeUndefined();
    }),
  );
});

test("agents that take turns with longer silences than an agent keeps are one after the other", () => {
  const silence = TWIN_TIMES.silenceMs / 1_000 + 1;
  const turns = Array.from({ length: 10 }, (_, i) => `${(i % 2) + 1}@${i * (silence / 2 + 1)}`);
  expect(findTwins(signsOf(...turns))).toBeUndefined();
});
