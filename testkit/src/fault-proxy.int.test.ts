import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { FaultProxy } from "./fault-proxy.ts";

/** Sends everything back. */
const echo = createServer((socket) => {
  socket.on("error", () => undefined);
  socket.pipe(socket);
});
let echoPort: number;

beforeAll(async () => {
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  echoPort = (echo.address() as AddressInfo).port;
});

afterAll(() => {
  echo.close();
});

interface Client {
  readonly socket: Socket;
  received: string;
}

async function dial(port: number): Promise<Client> {
  const socket = connect(port, "127.0.0.1");
  const client: Client = { socket, received: "" };
  socket.on("data", (chunk: Buffer) => (client.received += chunk.toString()));
  await once(socket, "connect");
  return client;
}

/** Sends text and waits until all of it has come back. Gives how long that took. */
async function roundTrip(client: Client, text: string): Promise<number> {
  const before = performance.now();
  const wanted = client.received + text;
  client.socket.write(text);
  await eventually(() => client.received === wanted, { intervalMs: 1 });
  return performance.now() - before;
}

test("it passes data both ways, the end of it too", async () => {
  await using proxy = await FaultProxy.start(echoPort);
  const client = await dial(proxy.port);
  await roundTrip(client, "hello");
  client.socket.end("bye");
  await once(client.socket, "close");
  expect(client.received).toBe("hellobye");
  await eventually(() => proxy.connections.open === 0);
});

test("a cut resets what is open and lets in what comes next", async () => {
  await using proxy = await FaultProxy.start(echoPort);
  const client = await dial(proxy.port);
  await roundTrip(client, "hello");
  const failed = once(client.socket, "error");
  proxy.cut();
  expect(await failed).toMatchObject([{ code: "ECONNRESET" }]);
  const next = await dial(proxy.port);
  await roundTrip(next, "again");
  next.socket.destroy();
});

test("it refuses until it is resumed, on the same port", async () => {
  await using proxy = await FaultProxy.start(echoPort);
  const { port } = proxy;
  await proxy.refuse();
  await expect(dial(port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  await proxy.resume();
  expect(proxy.port).toBe(port);
  const client = await dial(port);
  await roundTrip(client, "back");
  client.socket.destroy();
});

test("while it stalls the line is open and dead, and nothing is lost", async () => {
  await using proxy = await FaultProxy.start(echoPort);
  const client = await dial(proxy.port);
  await roundTrip(client, "one");
  proxy.stall();
  client.socket.write("two");
  const late = await dial(proxy.port);
  late.socket.write("three");
  await expect(eventually(() => client.received !== "one", { timeoutMs: 100 })).rejects.toThrow();
  expect(late.received).toBe("");
  await proxy.resume();
  await eventually(() => client.received === "onetwo" && late.received === "three");
  for (const { socket } of [client, late]) socket.destroy();
});

test("a delay holds everything up and keeps its order", async () => {
  await using proxy = await FaultProxy.start(echoPort, { delayMs: 40 });
  const client = await dial(proxy.port);
  expect(await roundTrip(client, "slow")).toBeGreaterThan(75);
  client.socket.write("1");
  proxy.delay(0);
  client.socket.write("2");
  await eventually(() => client.received === "slow12");
  expect(await roundTrip(client, "fast")).toBeLessThan(40);
  client.socket.destroy();
});
