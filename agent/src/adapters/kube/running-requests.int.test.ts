import { getEventListeners } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { eventually } from "@axle/testkit/eventually.ts";
import { expect, onTestFinished, test } from "vitest";
import { HttpsTransport } from "./https-transport.ts";

/** Answers `/whole` at once, `/half` never to the end, and anything else not at all. */
async function startTransport() {
  const asked: (string | undefined)[] = [];
  const server = createServer(({ url }, response) => {
    asked.push(url);
    if (url === "/whole") response.end("{}");
    if (url === "/half") response.write('{"kind":');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const transport = new HttpsTransport({
    server: new URL(`http://127.0.0.1:${port}`),
    ca: undefined,
    skipTlsVerify: false,
    tlsServerName: undefined,
    credentials: async () => ({}),
  });
  onTestFinished(async () => {
    transport[Symbol.dispose]();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const send = (path: string, signal: AbortSignal) => transport.send({ method: "GET", path, signal });
  return { asked, send };
}

const listenersOf = (signal: AbortSignal) => getEventListeners(signal, "abort").length;

test("a signal is listened to once for all requests under it, and not when none runs", async () => {
  const { asked, send } = await startTransport();
  const stop = new AbortController();
  const waiting = [send("/a", stop.signal), send("/b", stop.signal), send("/whole", stop.signal)];
  await waiting[2];
  await eventually(() => expect(asked).toHaveLength(3));
  expect(listenersOf(stop.signal)).toBe(1);
  stop.abort();
  await expect(waiting[0]).rejects.toMatchObject({ code: "aborted" });
  await expect(waiting[1]).rejects.toMatchObject({ code: "aborted" });

  const { signal } = new AbortController();
  await send("/whole", signal);
  await eventually(() => expect(listenersOf(signal)).toBe(0));
});

test("an abort ends one request and not another's, also in the middle of its answer", async () => {
  const { asked, send } = await startTransport();
  const [one, other] = [new AbortController(), new AbortController()];
  const half = send("/half", one.signal);
  const silent = send("/silent", other.signal);
  await eventually(() => expect(asked).toHaveLength(2));
  one.abort();
  await expect(half).rejects.toThrow();
  await expect(send("/whole", one.signal)).rejects.toMatchObject({ code: "aborted" });
  expect(listenersOf(other.signal)).toBe(1);
  other.abort();
  await expect(silent).rejects.toMatchObject({ code: "aborted" });
});
