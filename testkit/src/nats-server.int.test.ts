import { connect, type NatsConnection } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { checkForLeaks } from "./leak-check.ts";
import { NatsServer } from "./nats-server.ts";
import { isProcessAlive } from "./process-alive.ts";

async function ask(connection: NatsConnection, subject: string, body: unknown): Promise<unknown> {
  return (await connection.request(subject, JSON.stringify(body), { timeout: 5_000 })).json();
}

test("what was stored is there again after a restart and after kill -9, at the same address", async () => {
  await using _leaks = checkForLeaks();
  await using server = await NatsServer.start();
  const { url } = server;
  const connection = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 20 });
  try {
    await ask(connection, "$JS.API.STREAM.CREATE.S", { name: "S", subjects: ["s.>"], storage: "file" });
    await ask(connection, "s.one", { one: 1 });
    await server.restart();
    expect(server.url).toBe(url);
    await eventually(async () => await connection.rtt());
    await ask(connection, "s.two", { two: 2 });
    await server.kill();
    await server.restart();
    await eventually(async () => await connection.rtt());
    const info = await ask(connection, "$JS.API.STREAM.INFO.S", {});
    expect(info).toMatchObject({ state: { messages: 2 } });
  } finally {
    await connection.close();
  }
});

test("configuration of a test's own is used", async () => {
  await using server = await NatsServer.start({
    jetstream: false,
    config: `authorization { user: me, password: secret }`,
  });
  await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow(/Authorization/i);
  const connection = await connect({ servers: server.url, user: "me", pass: "secret" });
  expect(connection.info?.jetstream).not.toBe(true);
  await connection.close();
});

test("a configuration the server refuses is told in its own words, and nothing stays behind", async () => {
  await using _leaks = checkForLeaks();
  await expect(NatsServer.start({ config: "no_such_option: 1" })).rejects.toThrow(/no_such_option/);
});

test("an existing server is used as it is", async () => {
  await using own = await NatsServer.start();
  const env = { ...process.env, AXLE_TEST_NATS_URL: own.url };
  {
    await using existing = await NatsServer.start({ env });
    expect(existing.url).toBe(own.url);
    await expect(existing.restart()).rejects.toMatchObject({ code: "not-owned" });
  }
  expect(isProcessAlive(own.pid ?? 0)).toBe(true);
});
