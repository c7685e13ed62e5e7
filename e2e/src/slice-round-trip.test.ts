import { deflateRawSync } from "node:zlib";
import type { PackCache, SliceSource } from "@axle/agent/ports.ts";
import { parseEnvelope, readSlice, type SliceTrust } from "@axle/agent/slice/read-slice.ts";
import { type OpenedSlice, SliceOpener } from "@axle/agent/slice/slice-opener.ts";
import { DEFAULT_SYNC } from "@axle/core/fleet/app.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import type { SliceContent } from "@axle/core/placement/slice-content.ts";
import { type KeySet, keySetText } from "@axle/core/session/key-set.ts";
import { type SliceBody, type SliceEnvelope, sealContextOf, signedTextOf } from "@axle/core/slice/slice.ts";
import { type WrittenPack, writePack } from "@axle/hub/slice/write-pack.ts";
import { SharedParts } from "@axle/hub/slice/shared-parts.ts";
import { writeSlice } from "@axle/hub/slice/write-slice.ts";
import { generateSealingKey, Sealer, sealTo } from "@axle/runtime/crypto/sealing.ts";
import { generateSigningKey, sign } from "@axle/runtime/crypto/signing.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

const packMaster = new Uint8Array(32).fill(1);
const root = generateSigningKey();
const signingPair = generateSigningKey();
const signing = { id: "key-1", privateKey: signingPair.privateKey };
const seal = generateSealingKey();
const keys = [{ id: signing.id, publicKey: base64(signingPair.publicKey) }];
const keySet: KeySet = {
  version: 1,
  keys,
  rootPublicKey: base64(root.publicKey),
  signature: base64(sign(root.privateKey, keySetText({ version: 1, keys }))),
};
const trust: SliceTrust = {
  cluster: "c1",
  keySet,
  sealPrivateKey: seal.privateKey,
  accepted: { epoch: 1, n: 4 },
  maxBytes: 1_000_000,
};
const NUMBER = { epoch: 1, n: 5 };

function configMap(name: string, data: Record<string, string>): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "web" }, data };
}

function contentOf(packs: readonly WrittenPack[], more: Partial<SliceContent["apps"][number]> = {}): SliceContent {
  const handles = packs.map((pack) => ({
    digest: pack.digest,
    keyId: pack.keyId,
    size: pack.data.length,
    chunks: 1,
    objects: 1,
  }));
  const settings = { sync: DEFAULT_SYNC, dependsOn: [], ignoreDifferences: [], healthChecks: [] };
  const app = { name: "web", revision: 1, commit: "abc", packs: handles, substitutions: {}, settings, ...more };
  return { cluster: "c1", apps: [app], approvals: [], deletionHolds: [] };
}

function write(content: SliceContent, number = NUMBER): SliceEnvelope {
  return writeSlice(content, {
    number,
    sealPublicKey: seal.publicKey,
    signing,
    sealer: new Sealer(),
    shared: new SharedParts(packMaster),
  });
}

/** A hub's key holder that writes what it should not. */
function forge(body: Partial<SliceBody> | string, outside: Partial<SliceEnvelope> = {}): SliceEnvelope {
  const whole = { format: 1, cluster: "c1", number: NUMBER, apps: [], approvals: [], deletionHolds: [] };
  const text = typeof body === "string" ? body : JSON.stringify({ ...whole, ...body });
  const unsigned = { format: 1, cluster: "c1", number: NUMBER, keyId: signing.id, ...outside } as const;
  const sealed = base64(sealTo(seal.publicKey, deflateRawSync(text), sealContextOf(unsigned)));
  const signature = base64(sign(signing.privateKey, signedTextOf({ ...unsigned, sealed })));
  return { ...unsigned, sealed, signature };
}

class MemoryCache implements PackCache {
  readonly packs = new Map<string, Uint8Array>();

  async readPack(digest: string): Promise<Uint8Array | undefined> {
    return this.packs.get(digest);
  }

  keepPack(digest: string, data: Uint8Array): void {
    this.packs.set(digest, data);
  }
}

class Shelf implements Pick<SliceSource, "readPack"> {
  readonly asked: string[] = [];
  readonly #packs: ReadonlyMap<string, Uint8Array>;

  constructor(packs: readonly { digest: string; data: Uint8Array }[]) {
    this.#packs = new Map(packs.map(({ digest, data }) => [digest, data]));
  }

  async readPack({ digest }: { digest: string }): Promise<Uint8Array> {
    this.asked.push(digest);
    return this.#packs.get(digest) ?? new Uint8Array();
  }
}

const signal = new AbortController().signal;

interface Opening {
  readonly source: Shelf;
  readonly cache?: MemoryCache;
  readonly before?: OpenedSlice;
}

function open(body: SliceBody, { source, cache = new MemoryCache(), before }: Opening): Promise<OpenedSlice> {
  const limits = { maxSliceBytes: 1_000_000, maxPackBytes: 1_000_000, packConcurrency: 2 };
  const { cluster, sealPrivateKey } = trust;
  const opener = new SliceOpener({ cluster, sealPrivateKey, keySet: () => keySet, limits, source, cache });
  return opener.open(body, before, signal);
}

describe("a slice written by the hub", () => {
  it("S1: is read by the agent it is for as exactly what was written, packs and all", async () => {
    const text = fc.string({ maxLength: 20 });
    const name = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,7}$/);
    const objects = fc.uniqueArray(
      fc.record({ name: fc.stringMatching(/^[a-z]{1,8}$/), data: fc.dictionary(text, text) }),
      { maxLength: 5, selector: ({ name }) => name },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(objects, { maxLength: 3 }), fc.dictionary(name, text), async (packs, substitutions) => {
        const written = packs.map((pack) =>
          writePack(
            pack.map(({ name, data }) => configMap(name, data)),
            packMaster,
          ),
        );
        const content = contentOf(written, { substitutions, held: "waits" });
        const body = await readSlice(parseEnvelope(JSON.stringify(write(content))), trust);
        expect(body).toMatchObject({ number: NUMBER, approvals: [], deletionHolds: [] });
        const withoutPacks = (app: { readonly packs: unknown }) => ({ ...app, packs: [] });
        expect(body.apps.map(withoutPacks)).toEqual(content.apps.map(withoutPacks));
        const plain = { ...body, apps: body.apps.map((app) => ({ ...app, substitutions: {} })) };
        const { desired } = await open(plain, { source: new Shelf(written) });
        expect(desired.apps[0]?.objects).toEqual(packs.flat().map(({ name, data }) => configMap(name, data)));
      }),
      { numRuns: 40 },
    );
  });

  it("S5: shows neither objects, nor pack keys, nor substitutions on its way", () => {
    const pack = writePack([configMap("settings", { password: "hunter2hunter2" })], packMaster);
    const text = JSON.stringify(write(contentOf([pack], { substitutions: { TOKEN: "open sesame" } })));
    for (const secret of ["hunter2", "settings", "open sesame", pack.digest]) {
      expect(text).not.toContain(secret);
      expect(Buffer.from(pack.data).toString("latin1")).not.toContain(secret);
    }
  });

  it("encrypted documents beside the objects change the pack's address, and agents that do not ask for them open it", async () => {
    const objects = [configMap("a", { x: "1" })];
    const originals = [{ file: "a.yaml", text: "sops: {}\n", objects: ["/ConfigMap/web/a"] }];
    const [bare, pack] = [writePack(objects, packMaster), writePack(objects, packMaster, originals)];
    expect(pack.digest).not.toBe(bare.digest);
    expect(writePack(objects, packMaster, originals)).toEqual(pack);
    const body = await readSlice(write(contentOf([pack])), trust);
    const { desired } = await open(body, { source: new Shelf([pack]) });
    expect(desired.apps[0]?.objects).toEqual(objects);
  });

  it("a pack's bytes depend on its objects alone", () => {
    expect(writePack([configMap("a", { x: "1", y: "2" })], packMaster)).toEqual(
      writePack([configMap("a", { y: "2", x: "1" })], packMaster),
    );
  });

  it("S4: an order to leave is what it says, needs no pack, and is followed with no app in sight", async () => {
    const pack = writePack([configMap("a", { x: "1" })], packMaster);
    const leaving = { mode: "delete", id: "order", expiresAtMs: 7 } as const;
    const content = contentOf([pack]);
    const body = await readSlice(write({ ...content, leaving }), trust);
    expect(body.leaving).toEqual(leaving);
    const source = new Shelf([]);
    const { desired, unreadable } = await open(body, { source });
    expect(desired).toMatchObject({ apps: [], leaving: { ...leaving, apps: [{ name: "web", dependsOn: [] }] } });
    expect([source.asked, unreadable.size]).toEqual([[], 0]);
    // What an agent that does not know the field makes of it.
    const { leaving: _unknown, ...known } = body;
    expect((await open(known, { source: new Shelf([pack]) })).desired.apps).toHaveLength(1);
  });

  it("substitutions are put in by the agent", async () => {
    const pack = writePack([configMap("a", { host: "${DOMAIN}", other: "${HOME}" })], packMaster);
    const body = await readSlice(write(contentOf([pack], { substitutions: { DOMAIN: "eu" } })), trust);
    const { desired } = await open(body, { source: new Shelf([pack]) });
    expect(desired.apps[0]?.objects[0]?.["data"]).toEqual({ host: "eu", other: "${HOME}" });
  });
});

const valid = write(contentOf([]));
const stranger = generateSigningKey();

describe("S1: a slice the agent refuses", () => {
  const refusals: readonly (readonly [string, SliceEnvelope, string])[] = [
    ["for another cluster", { ...valid, cluster: "c2" }, "other-cluster"],
    ["signed by a key outside the set", { ...valid, keyId: "key-2" }, "untrusted-key"],
    [
      "signed by a stranger",
      { ...valid, signature: base64(sign(stranger.privateKey, signedTextOf(valid))) },
      "unsigned",
    ],
    ["with an empty signature", { ...valid, signature: "AAAA" }, "unsigned"],
    ["whose number was raised", { ...valid, number: { epoch: 1, n: 6 } }, "unsigned"],
    ["whose epoch was raised", { ...valid, number: { epoch: 2, n: 5 } }, "unsigned"],
    ["whose body was exchanged", { ...valid, sealed: write(contentOf([])).sealed }, "unsigned"],
    ["older than what was accepted", write(contentOf([]), { epoch: 1, n: 3 }), "older"],
    ["of an older epoch, however high its number", write(contentOf([]), { epoch: 0, n: 99 }), "older"],
    [
      "sealed to another key",
      writeSlice(contentOf([]), {
        number: NUMBER,
        sealPublicKey: generateSealingKey().publicKey,
        signing,
        sealer: new Sealer(),
        shared: new SharedParts(packMaster),
      }),
      "unreadable",
    ],
    ["with another number inside", forge({ number: { epoch: 1, n: 9 } }), "bad-format"],
    ["with another cluster inside", forge({ cluster: "c2" }), "bad-format"],
    ["that is no JSON inside", forge("{"), "bad-format"],
    ["that is no slice inside", forge("[]"), "bad-format"],
    ["that grows above the limit", forge(JSON.stringify("x".repeat(2_000_000))), "too-large"],
  ];
  it.each(refusals)("%s", async (_, envelope, code) => {
    await expect(readSlice(envelope, trust)).rejects.toMatchObject({ name: "SliceError", code });
  });

  it("any changed character of any field", async () => {
    const text = JSON.stringify(valid);
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), fc.constantFrom("A", "1", '"', "}"), async (at, character) => {
        fc.pre(text[at] !== character);
        const changed = text.slice(0, at) + character + text.slice(at + 1);
        const reading = async () => readSlice(parseEnvelope(changed), trust);
        const outcome = await reading().catch((error: unknown) => error);
        // Base64 has spare bits in its last character: the same bytes in another spelling are the same slice.
        const same =
          outcome instanceof Error || JSON.stringify(outcome) === JSON.stringify(await readSlice(valid, trust));
        expect(same).toBe(true);
      }),
    );
  });

  it.each([
    ["no JSON", "{", /not JSON/],
    ["a later format", JSON.stringify({ ...valid, format: 2 }), /format 2; this agent reads 1/],
    ["a missing field", JSON.stringify({ ...valid, keyId: undefined }), /keyId/],
  ])("%s", (_, text, message) => {
    expect(() => parseEnvelope(text)).toThrow(message);
  });

  it("but not the one it accepted, read again after a restart", async () => {
    await expect(readSlice(valid, { ...trust, accepted: NUMBER })).resolves.toMatchObject({ number: NUMBER });
  });
});

describe("S1: packs the agent does not take", () => {
  const good = writePack([configMap("a", {})], packMaster);
  const bodyFor = (pack: WrittenPack) => readSlice(write(contentOf([pack])), trust);

  it("bytes that do not match the digest", async () => {
    const altered = Uint8Array.from(good.data);
    altered[0] = (altered[0] ?? 0) ^ 1;
    const source = new Shelf([{ digest: good.digest, data: altered }]);
    const cache = new MemoryCache();
    const { unreadable, desired } = await open(await bodyFor(good), { source, cache });
    expect(unreadable.get(good.digest)).toMatch(/does not match its digest/);
    expect(desired.apps[0]).toMatchObject({ objects: [], unreadable: [{ digest: good.digest }] });
    expect(cache.packs.size).toBe(0);
  });

  it("a pack that opens with another key than the slice gives", async () => {
    const body = await bodyFor({ ...good, keyId: "0".repeat(64) });
    const { unreadable } = await open(body, { source: new Shelf([good]) });
    expect([...unreadable.values()]).toEqual([expect.stringMatching(/does not open with the key/)]);
  });

  it.each([
    ["objects that are none", [{ kind: "ConfigMap" }]],
    ["objects without a name", [{ apiVersion: "v1", kind: "ConfigMap", metadata: {} }]],
    ["a namespace that is no text", [{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: 1 } }]],
  ])("%s", async (_, objects) => {
    const pack = writePack(objects as never, packMaster);
    const { unreadable } = await open(await bodyFor(pack), { source: new Shelf([pack]) });
    expect(unreadable.get(pack.digest)).toMatch(/object 0 has no apiVersion, kind or name/);
  });

  it("one that grows above the limit", async () => {
    const bomb = writePack([configMap("a", { x: "x".repeat(2_000_000) })], packMaster);
    expect(bomb.data.length).toBeLessThan(10_000);
    const { unreadable } = await open(await bodyFor(bomb), { source: new Shelf([bomb]) });
    expect(unreadable.get(bomb.digest)).toMatch(/larger than 1000000 bytes/);
  });

  it("one bad pack is the matter of its apps, which keep the objects they had", async () => {
    const content = contentOf([good]);
    const [app] = content.apps as [SliceContent["apps"][number]];
    const before = await open(await bodyFor(good), { source: new Shelf([good]) });
    const next = writePack([configMap("a", { v: "2" })], packMaster);
    const [moved] = contentOf([next]).apps as [SliceContent["apps"][number]];
    const both = { ...content, apps: [moved, { ...app, name: "web2" }] };
    const source = new Shelf([good]);
    const after = await open(await readSlice(write(both), trust), { source, before });
    expect(after.desired.apps).toMatchObject([
      { name: "web", objects: [configMap("a", {})], unreadable: [{ digest: next.digest }] },
      { name: "web2", objects: [configMap("a", {})] },
    ]);
    expect(after.desired.apps[1]).not.toHaveProperty("unreadable");
    const healed = await open(after.body, { source: new Shelf([next]), before: after });
    expect(healed.desired.apps[0]).toMatchObject({ objects: [configMap("a", { v: "2" })] });
    expect(healed.desired.apps[0]).not.toHaveProperty("unreadable");
  });

  it("a corrupt copy in the cache is fetched anew, a good one is not", async () => {
    const source = new Shelf([good]);
    const cache = new MemoryCache();
    cache.packs.set(good.digest, new Uint8Array([1]));
    const body = await bodyFor(good);
    await open(body, { source, cache });
    await open(body, { source, cache });
    expect(source.asked).toEqual([good.digest]);
  });

  it("packs of the slice before are not opened again", async () => {
    const source = new Shelf([good]);
    const body = await bodyFor(good);
    const before = await open(body, { source });
    const again = await open(body, { source, before });
    expect(source.asked).toHaveLength(1);
    expect(again.desired).toEqual(before.desired);
  });

  it("packs that apps share are fetched once", async () => {
    const content = contentOf([good]);
    const app = content.apps[0];
    const shared = { ...content, apps: [app, { ...app, name: "web2" }] as SliceContent["apps"] };
    const source = new Shelf([good]);
    const { desired } = await open(await readSlice(write(shared), trust), { source });
    expect(source.asked).toHaveLength(1);
    expect(desired.apps.map(({ objects }) => objects.length)).toEqual([1, 1]);
  });
});
