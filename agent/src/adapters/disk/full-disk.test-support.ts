/** Run by a test as a process of its own, under a limit that makes larger writes fail half way, as a full disk does. */
import process from "node:process";
import { sha256Hex } from "@axle/runtime/crypto/digests.ts";
import { createLogger } from "@axle/runtime/logger.ts";
import { DiskCache } from "./disk-cache.ts";

const [folder = ""] = process.argv.slice(2);
const log = createLogger({ destination: process.stderr, format: "json" });
const cache = new DiskCache({ folder, key: new Uint8Array(32), maxBytes: 10_000_000, log });
const large = new Uint8Array(200_000);
const digestOf = (name: string) => sha256Hex(name);

cache.keepSlice("the first slice");
cache.keepPack(digestOf("small"), new Uint8Array(100));
cache.keepPack(digestOf("large"), large);
cache.keepPack(digestOf("larger"), large);
cache.keepSlice("x".repeat(large.length));
await cache.settled();
const kept = {
  slice: await cache.readSlice(),
  small: (await cache.readPack(digestOf("small")))?.length,
  large: (await cache.readPack(digestOf("large")))?.length,
};
// There is room again.
cache.keepPack(digestOf("again"), new Uint8Array(100));
await cache.settled();
process.stdout.write(JSON.stringify({ ...kept, again: (await cache.readPack(digestOf("again")))?.length }));
