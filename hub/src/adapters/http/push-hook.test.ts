import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { readPushHook } from "./push-hook.ts";

const secret = "the hook's secret";
const expected = { secret, branch: "main" };
const push = Buffer.from(JSON.stringify({ ref: "refs/heads/main" }));
const signatureOf = (body: Buffer, key = secret) => createHmac("sha256", key).update(body).digest("hex");

describe("a push hook", () => {
  test.each([
    ["GitHub", { "x-hub-signature-256": `sha256=${signatureOf(push)}`, "x-github-event": "push" }],
    ["Gitea", { "x-gitea-signature": signatureOf(push), "x-gitea-event": "push" }],
    ["GitLab", { "x-gitlab-token": secret, "x-gitlab-event": "Push Hook" }],
    ["a script", { "x-axle-signature": `sha256=${signatureOf(push)}` }],
  ])("of %s is taken when its signature is right", (_who, headers) => {
    expect(readPushHook({ headers, body: push }, expected)).toEqual({ type: "push" });
  });

  test.each([
    ["not signed", {}, "not signed"],
    ["signed with another secret", { "x-hub-signature-256": `sha256=${signatureOf(push, "other")}` }, "does not match"],
    ["signed for another body", { "x-axle-signature": signatureOf(Buffer.from("{}")) }, "does not match"],
    ["with another token", { "x-gitlab-token": "other" }, "not the hub's hook secret"],
    ["with an empty signature", { "x-hub-signature-256": "" }, "does not match"],
  ])("that is %s is refused, with what to do", (_how, headers, message) => {
    expect(() => readPushHook({ headers, body: push }, expected)).toThrow(
      expect.objectContaining({ status: 401, message: expect.stringContaining(message) }),
    );
  });

  test("for another branch, another event or a test is accepted and ignored, and says so", () => {
    const read = (body: Buffer, headers: Record<string, string> = {}) =>
      readPushHook({ headers: { ...headers, "x-axle-signature": signatureOf(body) }, body }, expected);
    expect(read(Buffer.from('{"ref":"refs/heads/dev"}'))).toEqual({
      type: "ignored",
      because: "a push to dev; this hub follows main",
    });
    expect(read(push, { "x-github-event": "ping" })).toMatchObject({ type: "ignored" });
    expect(read(push, { "x-github-event": "issues" })).toMatchObject({ type: "ignored" });
    expect(read(Buffer.from("no JSON"))).toEqual({ type: "push" });
    expect(read(Buffer.alloc(0))).toEqual({ type: "push" });
  });
});
