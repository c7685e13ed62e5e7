import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { createLoopbackCertificate } from "@axle/testkit/loopback-certificate.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { expect, test } from "vitest";
import { HttpsTransport } from "./https-transport.ts";
import type { KubeCredentials } from "./kube-access.ts";

const never = new AbortController().signal;

/** A server that asks for certificates, and notes whose come over how many connections. */
async function serve() {
  const serving = await createLoopbackCertificate();
  const clients: string[] = [];
  const open = new Set<TLSSocket>();
  const options = { cert: serving.certificatePem, key: serving.keyPem, requestCert: true, rejectUnauthorized: false };
  const server = createServer(options, ({ url }, response) => {
    if (url === "/watch") response.write("\n");
    else response.end('{"kind":"ConfigMap","metadata":{}}');
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    clients.push(socket.getPeerX509Certificate()?.fingerprint256 ?? "");
    open.add(socket.on("close", () => open.delete(socket)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    clients,
    open,
    access: { server: new URL(`https://127.0.0.1:${port}`), ca: serving.caPem, skipTlsVerify: false },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function identity(): Promise<KubeCredentials> {
  const { certificatePem, keyPem } = await createLoopbackCertificate();
  return { cert: certificatePem, key: keyPem };
}

test("one certificate keeps its connection; another one gets its own, and what runs over the old is left to end", async () => {
  await using server = await serve();
  let credentials = await identity();
  const access = { ...server.access, tlsServerName: undefined, credentials: async () => credentials };
  using transport = new HttpsTransport(access);
  const get = () => transport.send({ method: "GET", path: "/x", signal: never });
  await get();
  await get();
  expect(server.clients).toHaveLength(1);
  const watch = await transport.stream({ method: "GET", path: "/watch", signal: never });
  expect(server.open.size).toBe(2);

  credentials = await identity();
  await get();
  await get();
  expect(new Set(server.clients).size).toBe(2);
  expect(server.clients).toHaveLength(3);
  expect(watch.destroyed).toBe(false);
  // The idle connection of the old certificate is gone; the watch's and the new one are there.
  await eventually(() => expect(server.open.size).toBe(2));
});

test("ends what runs over the connections of earlier certificates too", async () => {
  await using server = await serve();
  let credentials = await identity();
  const access = { ...server.access, tlsServerName: undefined, credentials: async () => credentials };
  const transport = new HttpsTransport(access);
  const watch = await transport.stream({ method: "GET", path: "/watch", signal: never });
  watch.on("error", () => undefined);
  credentials = await identity();
  await transport.send({ method: "GET", path: "/x", signal: never });
  transport[Symbol.dispose]();
  await eventually(() => expect(server.open.size).toBe(0));
});
