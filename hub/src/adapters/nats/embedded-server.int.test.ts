import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { eventually } from "@axle/testkit/eventually.ts";
import { NatsServer } from "@axle/testkit/nats-server.ts";
import { findTool } from "@axle/tools/locate-tool.ts";
import { credsAuthenticator, wsconnect } from "@nats-io/transport-node";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLogger, silentLogger } from "@axle/runtime/logger.ts";
import { connectHub } from "./connect.ts";
import { publishMessage } from "./publish.ts";
import { readNewest } from "./read-messages.ts";
import { neverAborts as signal, TestFleet } from "./test-fleet.ts";

let fleet: TestFleet;
beforeEach(async () => {
  fleet = await TestFleet.start();
});
afterEach(() => fleet[Symbol.asyncDispose]());

const where = { stream: "AXLE", subject: "axle.fleet" };

test("S10: a server that is killed is started again on the same port, with its data", async () => {
  const hub = await fleet.connect();
  const { port } = await fleet.server.ports();
  const sequence = await publishMessage(hub, { subject: "axle.fleet", payload: "kept" }, { signal });
  const killed = fleet.server.pid ?? 0;
  process.kill(killed, "SIGKILL");
  const found = await eventually(() => readNewest(hub, where, signal), { timeoutMs: 20_000 });
  expect(found?.sequence).toBe(sequence);
  expect(fleet.server.pid).not.toBe(killed);
  expect((await fleet.server.ports()).port).toBe(port);
});

test("a port that was chosen is the same after a restart of the hub", async () => {
  const before = await fleet.server.ports();
  await fleet.stopServer();
  expect(await fleet.makeServer().ports()).toEqual(before);
});

test("a remembered port that somebody else took is replaced by another", async () => {
  const before = await fleet.server.ports();
  await fleet.stopServer();
  const other = createServer().listen({ host: "127.0.0.1", port: before.port });
  await once(other, "listening");
  const after = await fleet.makeServer().ports();
  other.close();
  expect(after.port).not.toBe(before.port);
  expect(after.webSocketPort).toBe(before.webSocketPort);
});

test("S10: a port that a server left behind by an earlier hub still holds is not given up for another", async () => {
  const { port } = await fleet.server.ports();
  await fleet.stopServer();
  const { path: binary } = await findTool("nats-server");
  const stale = spawn(binary, ["--config", join(fleet.dataDir, "nats-server.conf")], { stdio: "ignore" });
  const pidFile = join(fleet.dataDir, "nats-server.pid");
  await eventually(async () => (await readFile(pidFile, "utf8")) === String(stale.pid));
  expect((await fleet.makeServer().ports()).port).toBe(port);
  expect(stale.exitCode ?? stale.signalCode).not.toBeNull();
});

test("a port that was asked for and is taken is an error at the first start, with what to do", async () => {
  const { port } = await fleet.server.ports();
  await fleet.stopServer();
  const other = createServer().listen({ host: "127.0.0.1", port });
  await once(other, "listening");
  const server = fleet.makeServer({ port, portPatienceMs: 100 });
  await expect(server.run(signal)).rejects.toThrow(`cannot listen for NATS on 127.0.0.1:${port}: another process has`);
  other.close();
});

test("S10: a server that an earlier hub left behind is ended first, and its data is there", async () => {
  const hub = await fleet.connect();
  await publishMessage(hub, { subject: "axle.fleet", payload: "kept" }, { signal });
  await fleet.stopServer();
  const { path: binary } = await findTool("nats-server");
  const stale = spawn(binary, ["--config", join(fleet.dataDir, "nats-server.conf")], { stdio: "ignore" });
  const ended = once(stale, "exit");
  const pidFile = join(fleet.dataDir, "nats-server.pid");
  await eventually(async () => (await readFile(pidFile, "utf8")) === String(stale.pid));
  await fleet.startServer();
  await ended;
  expect(fleet.server.pid).not.toBe(stale.pid);
  const again = await fleet.connect();
  expect(Buffer.from((await readNewest(again, where, signal))?.data ?? []).toString()).toBe("kept");
});

test("a process that only has the number in the pid file is left alone", async () => {
  await fleet.stopServer();
  const innocent = spawn("sleep", ["60"], { stdio: "ignore" });
  await writeFile(join(fleet.dataDir, "nats-server.pid"), String(innocent.pid));
  await fleet.startServer();
  expect(innocent.exitCode).toBeNull();
  expect(innocent.signalCode).toBeNull();
  innocent.kill();
});

test("agents get in over WebSocket too", async () => {
  const { webSocketPort } = await fleet.server.ports();
  setDefaultCACertificates([...getCACertificates(), fleet.keys.ca.certificatePem]);
  const nc = await wsconnect({
    servers: [`wss://127.0.0.1:${webSocketPort}`],
    authenticator: credsAuthenticator(Buffer.from(fleet.identity.mintAgentUser("c1", 60_000))),
    inboxPrefix: "_INBOX_c1",
    timeout: 5_000,
  });
  const answer = await nc.request("$JS.API.DIRECT.GET.AXLE.axle.slice.c1", "", { timeout: 5_000 });
  expect(answer.headers?.code).toBe(404);
  await nc.close();
});

test("connecting waits for a server that is not there yet, and says so once", async () => {
  await fleet.stopServer();
  const lines: string[] = [];
  const log = createLogger({ destination: { write: (line) => lines.push(line) } });
  const connecting = connectHub({ ...(await fleet.connectOptions()), log });
  await eventually(() => lines.length > 0);
  await fleet.startServer();
  await (await connecting)[Symbol.asyncDispose]();
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
    "failed, trying again until it works",
    "works again",
  ]);
});

test("a server that is not in operator mode is refused with the remedy", async () => {
  await using foreign = await NatsServer.start();
  const lines: string[] = [];
  const log = createLogger({ destination: { write: (line) => lines.push(line) } });
  const stop = new AbortController();
  const connecting = connectHub({
    servers: [foreign.url],
    identity: fleet.identity,
    log,
    signal: stop.signal,
  });
  await eventually(() => lines.length > 0);
  stop.abort(new Error("enough"));
  await expect(connecting).rejects.toThrow("enough");
  expect(lines[0]).toMatch(/axle nats-config|tls/i);
});

test("a server of another fleet is refused with the remedy", async () => {
  await using other = await TestFleet.start();
  const lines: string[] = [];
  const log = createLogger({ destination: { write: (line) => lines.push(line) } });
  const stop = new AbortController();
  const options = { ...(await other.connectOptions()), identity: fleet.identity, log, signal: stop.signal };
  const connecting = connectHub(options);
  await eventually(() => lines.length > 0);
  stop.abort(new Error("enough"));
  await expect(connecting).rejects.toThrow("enough");
  expect(lines[0]).toContain("axle nats-config");
});

test("stopping while the server is away does not hang", async () => {
  const hub = await connectHub({ ...(await fleet.connectOptions()), log: silentLogger });
  await fleet.stopServer();
  await hub[Symbol.asyncDispose]();
  expect(hub.nc.isClosed()).toBe(true);
});
