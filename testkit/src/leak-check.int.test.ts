import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { checkForLeaks } from "./leak-check.ts";

test("a server that is left open is named, one that was closed is not", async () => {
  const check = checkForLeaks({ timeoutMs: 50 });
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  await expect(check[Symbol.asyncDispose]()).rejects.toMatchObject({
    code: "leak",
    message: "left open at the end: 1 TCPServerWrap",
  });
  server.close();
  await once(server, "close");
  await check[Symbol.asyncDispose]();
});
