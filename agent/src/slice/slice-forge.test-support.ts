import { createHash } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import { DEFAULT_SYNC } from "@axle/core/fleet/app.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import type { KeySet } from "@axle/core/session/key-set.ts";
import {
  type PackRef,
  sealContextOf,
  signedTextOf,
  type SliceApp,
  type SliceEnvelope,
} from "@axle/core/slice/slice.ts";
import { encryptContent } from "@axle/runtime/crypto/content-encryption.ts";
import type { RawKeyPair } from "@axle/runtime/crypto/raw-keys.ts";
import { generateSealingKey, sealTo } from "@axle/runtime/crypto/sealing.ts";
import { generateSigningKey, sign } from "@axle/runtime/crypto/signing.ts";

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const PACK_KEY = new Uint8Array(32).fill(5);

/** Writes slices and packs as a hub does, for one cluster. For tests. */
export class SliceForge {
  readonly cluster = "c1";
  readonly #signing = generateSigningKey();
  readonly #seal = generateSealingKey();
  /** Every pack written, by digest. */
  readonly packs = new Map<string, Uint8Array>();

  /** The cluster's own key. */
  get sealPrivateKey(): Uint8Array {
    return this.#seal.privateKey;
  }

  get keySet(): KeySet {
    const keys = [{ id: "k", publicKey: base64(this.#signing.publicKey) }];
    return { version: 1, keys, rootPublicKey: "", signature: "" };
  }

  pack(objects: readonly KubeObject[]): PackRef {
    const data = encryptContent(PACK_KEY, deflateRawSync(JSON.stringify({ format: 1, objects })));
    const digest = createHash("sha256").update(data).digest("hex");
    this.packs.set(digest, data);
    return { digest, key: base64(PACK_KEY), size: data.length, chunks: 1 };
  }

  app(name: string, revision: number, pack: PackRef): SliceApp {
    const settings = { sync: DEFAULT_SYNC, dependsOn: [], ignoreDifferences: [], healthChecks: [] };
    return { name, revision, commit: `commit-${revision}`, packs: [pack], substitutions: {}, settings };
  }

  /** Signed by `by`, the hub's key when not given. */
  slice(n: number, apps: readonly SliceApp[], by: RawKeyPair = this.#signing): SliceEnvelope {
    const { cluster } = this;
    const number = { epoch: 1, n };
    const body = { format: 1, cluster, number, apps, approvals: [], deletionHolds: [] };
    const plain = deflateRawSync(JSON.stringify(body));
    const sealed = base64(sealTo(this.#seal.publicKey, plain, sealContextOf({ cluster, number })));
    const unsigned = { format: 1, cluster, number, keyId: "k", sealed } as const;
    return { ...unsigned, signature: base64(sign(by.privateKey, signedTextOf(unsigned))) };
  }
}
