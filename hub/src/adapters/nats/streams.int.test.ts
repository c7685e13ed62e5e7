import { StorageType } from "@nats-io/jetstream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLogger } from "@axle/runtime/logger.ts";
import type { HubConnection } from "./hub-connection.ts";
import { ensureStreams, wantedStreams } from "./streams.ts";
import { neverAborts as signal, TestFleet } from "./test-fleet.ts";

let fleet: TestFleet;
let connection: HubConnection;
beforeEach(async () => {
  fleet = await TestFleet.start();
  connection = await fleet.connect();
});
afterEach(() => fleet[Symbol.asyncDispose]());

const options = { replicas: 1, log: silentLogger, signal };

test("L4: streams that are as wanted are left as they are", async () => {
  const updates: string[] = [];
  const record = (_fields: object | string, message?: string) => void updates.push(message ?? "");
  const log = { ...silentLogger, info: record, child: () => log, debug: record, warn: record, error: record };
  await ensureStreams(connection, { ...options, log });
  expect(updates).toEqual([]);
});

test("a setting that was changed is brought back, with the data kept", async () => {
  await connection.js.publish("axle.fleet", "kept");
  const { config } = await connection.jsm.streams.info("AXLE");
  await connection.jsm.streams.update("AXLE", { ...config, description: "changed", max_msgs_per_subject: 5 });
  await ensureStreams(connection, options);
  const after = await connection.jsm.streams.info("AXLE");
  expect(after.config.max_msgs_per_subject).toBe(1);
  expect(after.state.messages).toBe(1);
});

test("a stream of our name that cannot be made ours is refused", async () => {
  await connection.jsm.streams.delete("PACKS");
  await connection.jsm.streams.add({ name: "PACKS", subjects: ["axle.pack.*.*"], storage: StorageType.Memory });
  await expect(ensureStreams(connection, options)).rejects.toMatchObject({
    code: "corrupt",
    message: /PACKS.*storage/,
  });
});

test("every stream is on disk and takes direct reads", () => {
  for (const wanted of wantedStreams(3)) {
    expect(wanted).toMatchObject({ storage: "file", allow_direct: true, num_replicas: 3 });
  }
});
