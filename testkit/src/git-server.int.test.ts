import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { checkForLeaks } from "./leak-check.ts";
import { GitServer } from "./git-server.ts";
import { signPush, type Webhook } from "./push-hook.ts";

interface Delivery {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface HookReceiver extends AsyncDisposable {
  readonly webhook: Webhook;
  readonly deliveries: Delivery[];
}

async function receiveHooks(): Promise<HookReceiver> {
  const deliveries: Delivery[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      deliveries.push({ headers: request.headers, body });
      response.writeHead(202).end();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/git`;
  return {
    webhook: { url, secret: "hush" },
    deliveries,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

test("a push is told to the hook, signed, with what moved", async () => {
  await using _leaks = checkForLeaks();
  await using hooks = await receiveHooks();
  await using git = await GitServer.start({ webhook: hooks.webhook });
  const repository = await git.createRepository("fleet");
  const checkout = await repository.clone();
  const first = await checkout.publish({ "apps/a.yaml": "a: 1\n" }, "first");
  const second = await checkout.publish({ "apps/a.yaml": "a: 2\n" }, "second");
  const push = await git.hookAnswered(second);
  expect(push).toMatchObject({ repository: "fleet", ref: "refs/heads/main", before: first, hookStatus: 202 });
  expect(push.hookAnsweredAt).toBeGreaterThan(push.receivedAt);
  expect(hooks.deliveries).toHaveLength(2);
  const [, delivery] = hooks.deliveries;
  expect(delivery?.headers["x-github-event"]).toBe("push");
  expect(delivery?.headers["x-hub-signature-256"]).toBe(signPush("hush", delivery?.body ?? ""));
  expect(JSON.parse(delivery?.body ?? "")).toMatchObject({
    ref: "refs/heads/main",
    before: first,
    after: second,
    repository: { clone_url: repository.url },
  });
});

test("a push that is refused is told to nobody", async () => {
  await using hooks = await receiveHooks();
  await using git = await GitServer.start({ webhook: hooks.webhook });
  const repository = await git.createRepository("fleet");
  const mine = await repository.clone();
  await mine.publish({ a: "1" }, "base");
  const theirs = await repository.clone();
  await mine.publish({ a: "2" }, "mine");
  await theirs.write({ a: "3" });
  await theirs.commit("theirs");
  await expect(theirs.push()).rejects.toThrow(/rejected/);
  expect(git.pushes).toHaveLength(2);
  await theirs.push("--force");
  expect(git.pushes.at(-1)?.after).toBe(await theirs.head());
});

test("a hook nobody answers does not hold up the push", async () => {
  const hooks = await receiveHooks();
  await hooks[Symbol.asyncDispose]();
  const { webhook } = hooks;
  await using git = await GitServer.start({ webhook });
  const checkout = await (await git.createRepository("fleet")).clone();
  const commit = await checkout.publish({ a: "1" }, "first");
  expect(await git.hookAnswered(commit)).toMatchObject({ hookStatus: 0 });
});

test("a revert brings back what was, and large files arrive whole", async () => {
  await using git = await GitServer.start();
  const repository = await git.createRepository("fleet");
  const checkout = await repository.clone();
  const large = "0123456789abcdef".repeat(200_000);
  await checkout.publish({ "big.txt": large, "dir/small.txt": "1" }, "first");
  await checkout.publish({ "big.txt": null, dir: null }, "remove");
  await checkout.revert();
  await checkout.push();
  const fresh = await repository.clone();
  expect(await fresh.git("show", "HEAD:big.txt")).toBe(large);
  expect(await fresh.git("show", "HEAD:dir/small.txt")).toBe("1");
  expect(await fresh.git("log", "--format=%s")).toBe('Revert "remove"\nremove\nfirst');
});
