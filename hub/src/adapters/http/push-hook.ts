import { createHmac } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { equalSecrets } from "@axle/runtime/crypto/digests.ts";
import { HttpError } from "./http-error.ts";

/** What a push hook tells, once it is known to come from who has the secret. */
export type PushHook =
  | { readonly type: "push" }
  /** Nothing for us: another branch, or not a push at all. */
  | { readonly type: "ignored"; readonly because: string };

/**
 * Checks and reads a push hook of GitHub, Gitea, GitLab, or of one's own script (`X-Axle-Signature`). Signatures are HMAC
 * SHA-256 of the body, hex, with or without `sha256=`; GitLab sends the secret itself. `branch` is the one followed, ""
 * while it is not known. A hook that does not say which branch counts. Throws {@link HttpError} 401.
 */
export function readPushHook(
  given: { headers: IncomingHttpHeaders; body: Buffer },
  expect: { secret: string; branch: string },
): PushHook {
  authenticate(given, expect.secret);
  const event = eventOf(given.headers);
  if (event === "ping") return { type: "ignored", because: "a ping: the hook is set up right" };
  const branch = branchOf(given.body);
  if (branch !== undefined && expect.branch !== "" && branch !== expect.branch) {
    return { type: "ignored", because: `a push to ${branch}; this hub follows ${expect.branch}` };
  }
  if (event !== undefined && !/push/i.test(event)) return { type: "ignored", because: `a ${event} event, not a push` };
  return { type: "push" };
}

function authenticate({ headers, body }: { headers: IncomingHttpHeaders; body: Buffer }, secret: string): void {
  const plain = headerOf(headers, "x-gitlab-token");
  if (plain !== undefined) {
    if (equalSecrets(plain, secret)) return;
    throw new HttpError(401, "X-Gitlab-Token is not the hub's hook secret (keys/hook.secret)");
  }
  const names = ["x-hub-signature-256", "x-axle-signature", "x-gitea-signature"];
  const name = names.find((one) => headerOf(headers, one) !== undefined);
  if (name === undefined) {
    throw new HttpError(
      401,
      "the hook is not signed: set its secret to the hub's (keys/hook.secret); expected X-Hub-Signature-256, X-Axle-Signature or X-Gitlab-Token",
    );
  }
  const signature = (headerOf(headers, name) ?? "").replace(/^sha256=/, "").toLowerCase();
  const expected = createHmac("sha256", secret).update(body).digest("hex");
  if (!equalSecrets(signature, expected)) {
    throw new HttpError(401, `${name} does not match the body: its secret is not the hub's (keys/hook.secret)`);
  }
}

function eventOf(headers: IncomingHttpHeaders): string | undefined {
  return (
    headerOf(headers, "x-github-event") ?? headerOf(headers, "x-gitea-event") ?? headerOf(headers, "x-gitlab-event")
  );
}

/** From `ref: refs/heads/main`, which all of them send; undefined when the body says nothing of it. */
function branchOf(body: Buffer): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
  const ref = typeof value === "object" && value !== null ? (value as { ref?: unknown }).ref : undefined;
  if (typeof ref !== "string") return undefined;
  return ref.startsWith("refs/heads/") ? ref.slice("refs/heads/".length) : ref;
}

function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
