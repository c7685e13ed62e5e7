import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HttpsTransport } from "./https-transport.ts";
import type { KubeAccess } from "./kube-access.ts";
import { inClusterAccess } from "./kube-access.ts";
import { kubeconfigAccess } from "./kubeconfig-access.ts";
import { KubeError } from "./kube-error.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that answers one request after another as the test says. */
async function serve(answers: Answer[]) {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    (answers.length > 1 ? answers.shift() : answers[0])?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    seen,
    url: new URL(`http://127.0.0.1:${port}`),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const ok: Answer = (_request, response) => response.end('{"kind":"ConfigMap","metadata":{}}');
const refuse =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    response.writeHead(status, headers).end("{}");
const accessTo = (server: URL, credentials: KubeAccess["credentials"] = async () => ({})): KubeAccess => ({
  server,
  ca: undefined,
  skipTlsVerify: false,
  tlsServerName: undefined,
  credentials,
});
const get = { method: "GET", path: "/x", signal: new AbortController().signal } as const;

test("a request the server refused to start is sent again after the time the server named", async () => {
  await using server = await serve([refuse(429, { "retry-after": "3" }), ok]);
  const waits: number[] = [];
  using transport = new HttpsTransport(accessTo(server.url), { sleep: async (ms) => void waits.push(ms) });
  await expect(transport.send(get)).resolves.toMatchObject({ kind: "ConfigMap" });
  expect(waits).toHaveLength(1);
  expect(waits[0]).toBeGreaterThanOrEqual(3_000);
});

test("a server that keeps refusing is given up on, and says so", async () => {
  await using server = await serve([refuse(429)]);
  using transport = new HttpsTransport(accessTo(server.url), { sleep: async () => undefined });
  await expect(transport.send(get)).rejects.toMatchObject({ code: "too-many-requests" });
  expect(server.seen).toHaveLength(5);
});

test("a kept connection that the server closed is replaced without a word", async () => {
  await using server = await serve([ok, (request) => request.socket.destroy(), ok]);
  using transport = new HttpsTransport(accessTo(server.url));
  await transport.send(get);
  await expect(transport.send(get)).resolves.toBeDefined();
});

test("a server that does not answer is a timeout, one that is not there is unavailable", async () => {
  await using server = await serve([() => undefined]);
  using transport = new HttpsTransport(accessTo(server.url), { timeoutMs: 50 });
  await expect(transport.send(get)).rejects.toMatchObject({ code: "timeout", isServerAway: true });
  using nowhere = new HttpsTransport(accessTo(new URL("http://127.0.0.1:1")));
  await expect(nowhere.send(get)).rejects.toMatchObject({ code: "unavailable", isServerAway: true });
});

test("an abort ends a request at once", async () => {
  await using server = await serve([() => undefined]);
  using transport = new HttpsTransport(accessTo(server.url));
  const controller = new AbortController();
  const sent = transport.send({ ...get, signal: controller.signal });
  controller.abort();
  await expect(sent).rejects.toMatchObject({ code: "aborted" });
});

test("after a 401 the service account's token is read again, and so it is every minute", async () => {
  await using server = await serve([ok, refuse(401), ok]);
  const folder = await mkdtemp(join(tmpdir(), "axle-token-"));
  try {
    await writeFile(join(folder, "ca.crt"), "");
    await writeFile(join(folder, "token"), "first\n");
    let nowMs = 0;
    const inside = await inClusterAccess({ host: "127.0.0.1", port: server.url.port, folder, now: () => nowMs });
    using transport = new HttpsTransport(accessTo(server.url, inside.credentials));
    await transport.send(get);
    await writeFile(join(folder, "token"), "second");
    await transport.send(get);
    await writeFile(join(folder, "token"), "third");
    await transport.send(get);
    nowMs = 61_000;
    await transport.send(get);
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(
      ["first", "first", "second", "second", "third"].map((token) => `Bearer ${token}`),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a user with an exec plugin is let in by what the plugin says", async () => {
  await using server = await serve([ok]);
  const folder = await mkdtemp(join(tmpdir(), "axle-kubeconfig-"));
  try {
    const credential = {
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      status: { token: "from-plugin" },
    };
    const path = join(folder, "config");
    const config = {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "a",
      clusters: [{ name: "c", cluster: { server: server.url.href, "insecure-skip-tls-verify": true } }],
      contexts: [{ name: "a", context: { cluster: "c", user: "u" } }],
      users: [
        {
          name: "u",
          user: { exec: { apiVersion: credential.apiVersion, command: "echo", args: [JSON.stringify(credential)] } },
        },
      ],
    };
    await writeFile(path, JSON.stringify(config));
    using transport = new HttpsTransport(await kubeconfigAccess(path));
    await transport.send(get);
    expect(server.seen[0]?.headers.authorization).toBe("Bearer from-plugin");
    await expect(kubeconfigAccess(path, "other")).rejects.toThrow(/has no context named "other"/);
    await expect(kubeconfigAccess(join(folder, "none"))).rejects.toBeInstanceOf(KubeError);
  } finally {
    await rm(folder, { recursive: true });
  }
});
