import type { lookup as systemLookup } from "node:dns";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createLoopbackCertificate } from "@axle/testkit/loopback-certificate.ts";
import { expect, test } from "vitest";
import { HttpClient } from "./http-client.ts";

const never = new AbortController().signal;

async function serve(listener: RequestListener, tls?: { cert: string; key: string }) {
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function get(url: string, caPem?: string) {
  return { method: "GET", url, headers: {}, caPem, maxBytes: 100 } as const;
}

test("a private authority is trusted for the call it is given to, and for no other", async () => {
  const { caPem, certificatePem: cert, keyPem: key } = await createLoopbackCertificate();
  await using server = await serve((_request, response) => response.end("hello"), { cert, key });
  await using client = new HttpClient({ environment: {} });
  const url = `https://127.0.0.1:${server.port}/`;
  expect((await client.ask(get(url, caPem), never)).body.toString()).toBe("hello");
  const { caPem: other } = await createLoopbackCertificate();
  for (const ca of [undefined, other]) {
    await expect(client.ask(get(url, ca), never)).rejects.toMatchObject({
      code: "certificate",
      message: expect.stringMatching(/is not trusted .*ca or caFile/) as unknown,
    });
  }
});

test("a redirect is an answer, a long body is none", async () => {
  await using server = await serve((request, response) => {
    if (request.url === "/moved") response.writeHead(302, { location: "/there" }).end();
    else response.end("x".repeat(101));
  });
  await using client = new HttpClient({ environment: {} });
  const at = (path: string) => client.ask(get(`http://127.0.0.1:${server.port}${path}`), never);
  expect(await at("/moved")).toMatchObject({ status: 302, headers: { location: "/there" } });
  await expect(at("/long")).rejects.toMatchObject({ code: "too-large" });
});

test("nobody there, nobody of that name, nobody in time", async () => {
  await using server = await serve(() => undefined);
  await using client = new HttpClient({ environment: {}, timeoutMs: 100 });
  await expect(client.ask(get("http://127.0.0.1:1/"), never)).rejects.toMatchObject({ code: "unreachable" });
  await expect(client.ask(get("http://no-such-host.invalid/"), never)).rejects.toMatchObject({ code: "unreachable" });
  const silent = get(`http://127.0.0.1:${server.port}/`);
  await expect(client.ask(silent, never)).rejects.toMatchObject({ code: "timeout" });
  const stop = new AbortController();
  const asking = client.ask(silent, stop.signal);
  stop.abort(new Error("stopped"));
  await expect(asking).rejects.toThrow("stopped");
});

test("a name that leads to a link-local address is not followed there, whatever it led to before", async () => {
  await using server = await serve((_request, response) => response.end("hello"));
  const found = ["127.0.0.1", "169.254.169.254"];
  const lookup = ((_name: string, _options: object, callback: (error: null, found: object[]) => void) => {
    callback(null, [{ address: found[0], family: 4 }]);
  }) as unknown as typeof systemLookup;
  await using client = new HttpClient({ environment: {}, guard: { exempt: "own.example", lookup } });
  const at = (name: string) => client.ask(get(`http://${name}:${server.port}/`), never);
  expect((await at("one.example")).body.toString()).toBe("hello");
  found.reverse();
  await expect(at("two.example")).rejects.toMatchObject({
    code: "forbidden",
    message: expect.stringMatching(/two\.example \(169\.254\.169\.254\) is a link-local address/) as unknown,
  });
});

test("the proxy of the environment is asked, but not for names it is not for", async () => {
  await using server = await serve((_request, response) => response.end("direct"));
  const url = `http://127.0.0.1:${server.port}/`;
  await using proxied = new HttpClient({ environment: { HTTP_PROXY: "http://127.0.0.1:1" } });
  await expect(proxied.ask(get(url), never)).rejects.toMatchObject({ code: "unreachable" });
  await using direct = new HttpClient({ environment: { HTTP_PROXY: "http://127.0.0.1:1", NO_PROXY: "127.0.0.1" } });
  expect((await direct.ask(get(url), never)).body.toString()).toBe("direct");
});
