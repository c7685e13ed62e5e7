import { once } from "node:events";
import { request } from "node:https";
import type { IncomingMessage, RequestOptions } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestFront } from "../grpc/test-front.ts";

let front: TestFront;
beforeAll(async () => {
  front = await TestFront.start();
});
afterAll(() => front[Symbol.asyncDispose]());

async function ask(options: RequestOptions, body = ""): Promise<{ status: number; text: string }> {
  const { port } = front.http;
  const sent = request({ host: "127.0.0.1", port, rejectUnauthorized: false, agent: false, ...options });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk as string;
  return { status: response.statusCode ?? 0, text };
}

describe("the hub's HTTP server", () => {
  test.each(["//", "http://[", "http://elsewhere/api/v1/GetFleet", "*"])(
    "answers the target %s with a 400, not with a fault of its own",
    async (path) => {
      expect((await ask({ path })).status).toBe(400);
    },
  );

  test.each(["/api/v1/GetFleet", "/api/v1/", "/metrics", "/api/v1/../v1/GetFleet", "/api/v1/constructor"])(
    "tells nobody without a token anything at %s",
    async (path) => {
      const { status, text } = await ask({ path, method: "POST" });
      expect(status).toBe(401);
      expect(text).toContain("no credentials");
    },
  );

  test.each(["/api/v1/%2e%2e/healthz", "/keys/admin.token", "/hooks/git/../../keys/hook.secret", "/__proto__"])(
    "has nothing at %s",
    async (path) => {
      expect((await ask({ path })).status).not.toBe(200);
    },
  );

  test("refuses a body that is too large before it has read it", async () => {
    const headers = { authorization: `Bearer ${front.fleet.keys.adminToken}` };
    const { status, text } = await ask({ path: "/api/v1/GetFleet", method: "POST", headers }, "x".repeat(2_000_000));
    expect(status).toBe(413);
    expect(text).toContain("larger than");
  });

  test("takes no hook that is not signed, and says how", async () => {
    const { status, text } = await ask({ path: "/hooks/git", method: "POST" }, "{}");
    expect(status).toBe(401);
    expect(text).toContain("keys/hook.secret");
    expect(front.shelf.pokes).toEqual([]);
  });
});
