import { createHmac, randomUUID } from "node:crypto";

/** Where a push is told, and the secret that proves who tells it. */
export interface Webhook {
  readonly url: string;
  readonly secret: string;
}

/** One ref that a push moved, with what was told of it and when. Times are milliseconds since the epoch, with fractions. */
export interface PushRecord {
  readonly repository: string;
  readonly ref: string;
  readonly before: string;
  readonly after: string;
  /** When the repository had taken the push. */
  readonly receivedAt: number;
  /** When the hook was sent, or undefined without a hook. */
  readonly hookSentAt?: number;
  /** When it was answered, and with which HTTP status; status 0 when nobody answered. */
  readonly hookAnsweredAt?: number;
  readonly hookStatus?: number;
}

/** The time of day in milliseconds with fractions, from the clock that never jumps. */
export function preciseNow(): number {
  return performance.timeOrigin + performance.now();
}

/** Tells one moved ref as GitHub does: JSON, with an HMAC of the body. Never rejects: nobody answering is status 0. */
export async function deliverPush(webhook: Webhook, push: PushRecord, cloneUrl: string): Promise<number> {
  const body = JSON.stringify({
    ref: push.ref,
    before: push.before,
    after: push.after,
    created: /^0+$/.test(push.before),
    deleted: /^0+$/.test(push.after),
    repository: {
      name: push.repository,
      full_name: `test/${push.repository}`,
      clone_url: cloneUrl,
      default_branch: "main",
    },
    pusher: { name: "axle-test" },
  });
  try {
    const response = await fetch(webhook.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/axle-test",
        "x-github-event": "push",
        "x-github-delivery": randomUUID(),
        "x-hub-signature-256": signPush(webhook.secret, body),
      },
      body,
      signal: AbortSignal.timeout(10_000),
    });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0;
  }
}

/** The value of `X-Hub-Signature-256` for a body. */
export function signPush(secret: string, body: string): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}
