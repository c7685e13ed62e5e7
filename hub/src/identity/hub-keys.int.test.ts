import { chmod, mkdtemp, readFile, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { X509Certificate } from "node:crypto";
import { keySetText } from "@axle/core/session/key-set.ts";
import { verify } from "@axle/runtime/crypto/signing.ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openHubKeys } from "./hub-keys.ts";

const NOW_MS = Date.parse("2026-11-21T00:00:00Z");
const DAY_MS = 24 * 60 * 60_000;

describe("the hub's keys", () => {
  let dataDir: string;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "axle-keys-"));
  });

  afterEach(async () => {
    await rm(dataDir, { recursive: true });
  });

  test("S5: are made on first start, readable by their owner only, and the same afterwards", async () => {
    const first = await openHubKeys({ dataDir, hosts: ["hub.example.com"], nowMs: NOW_MS });
    const names = await readdir(join(dataDir, "keys"));
    expect(names.sort()).toEqual([
      "admin.token",
      "ca.crt",
      "ca.key",
      "hook.secret",
      "nats-account.seed",
      "nats-hub.seed",
      "nats-operator.seed",
      "nats-system.seed",
      "pack-master.key",
      "root.key",
      "server.crt",
      "server.key",
      "signing.key",
    ]);
    for (const name of names) expect((await stat(join(dataDir, "keys", name))).mode & 0o777).toBe(0o600);
    expect((await stat(join(dataDir, "keys"))).mode & 0o777).toBe(0o700);

    const second = await openHubKeys({ dataDir, hosts: ["hub.example.com"], nowMs: NOW_MS + DAY_MS });
    expect({ ...second, folder: null, ca: second.ca.fingerprint }).toEqual({
      ...first,
      folder: null,
      ca: first.ca.fingerprint,
    });
  });

  test("two starts at once agree on one set", async () => {
    const start = () => openHubKeys({ dataDir, hosts: [], nowMs: NOW_MS });
    const [a, b] = await Promise.all([start(), start()]);
    expect(a.adminToken).toBe(b.adminToken);
    expect(a.keySet).toEqual(b.keySet);
    expect(a.ca.certificatePem).toBe(b.ca.certificatePem);
    expect((await readdir(join(dataDir, "keys"))).filter((name) => name.endsWith(".new"))).toEqual([]);
  });

  test("S5: a key that everybody can read is refused, with what to do", async () => {
    await openHubKeys({ dataDir, hosts: [], nowMs: NOW_MS });
    const path = join(dataDir, "keys", "signing.key");
    await chmod(path, 0o644);
    await expect(openHubKeys({ dataDir, hosts: [], nowMs: NOW_MS })).rejects.toMatchObject({
      code: "permissions",
      message: expect.stringContaining(`chmod 600 ${path}`),
    });
  });

  test("the key set is signed by the root key", async () => {
    const { keySet, signing } = await openHubKeys({ dataDir, hosts: [], nowMs: NOW_MS });
    expect(keySet.keys).toEqual([{ id: signing.id, publicKey: Buffer.from(signing.publicKey).toString("base64") }]);
    const root = Buffer.from(keySet.rootPublicKey, "base64");
    const signature = Buffer.from(keySet.signature, "base64");
    expect(verify(root, keySetText(keySet), signature)).toBe(true);
    expect(verify(root, keySetText({ ...keySet, version: 2 }), signature)).toBe(false);
  });

  test("the server certificate is issued anew for new hosts and near its end, with the same key", async () => {
    const open = (hosts: string[], nowMs: number) => openHubKeys({ dataDir, hosts, nowMs });
    const first = await open(["hub.example.com"], NOW_MS);
    expect((await open(["hub.example.com"], NOW_MS + 300 * DAY_MS)).server).toEqual(first.server);

    const added = await open(["hub.example.com", "10.1.2.3"], NOW_MS);
    expect(added.server.keyPem).toBe(first.server.keyPem);
    const certificate = new X509Certificate(added.server.certificatePem);
    expect(certificate.checkIP("10.1.2.3")).toBe("10.1.2.3");
    expect(certificate.checkHost("hub.example.com")).toBe("hub.example.com");
    expect(certificate.verify(new X509Certificate(added.ca.certificatePem).publicKey)).toBe(true);

    const renewed = await open(["hub.example.com", "10.1.2.3"], NOW_MS + 340 * DAY_MS);
    expect(renewed.server.certificatePem).not.toBe(added.server.certificatePem);
    expect(await readFile(join(dataDir, "keys", "server.crt"), "utf8")).toBe(renewed.server.certificatePem);
  });
});
