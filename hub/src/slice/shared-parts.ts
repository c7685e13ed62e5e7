import { deflateRawSync } from "node:zlib";
import type { PackHandle } from "@axle/core/placement/app-record.ts";
import type { SliceAppContent, SliceContent } from "@axle/core/placement/slice-content.ts";
import type { PackRef } from "@axle/core/slice/slice.ts";
import { canonicalJson } from "@axle/core/manifest/canonical-json.ts";
import { hmacSha256Hex } from "@axle/runtime/crypto/digests.ts";
import { packKeyFromId } from "@axle/runtime/crypto/pack-key.ts";

/** Sets of apps whose compressed text is kept: fleets have far fewer kinds of clusters than clusters. */
const KEPT_APP_SETS = 200;

/** What the slices of many clusters have in common, made once: a fleet has thousands of clusters and a few differences. */
export class SharedParts {
  readonly #packMaster: Uint8Array;
  readonly #texts = new WeakMap<SliceAppContent, string>();
  readonly #digests = new WeakMap<SliceAppContent, string>();
  readonly #refs = new WeakMap<PackHandle, PackRef>();
  readonly #contents = new WeakMap<SliceContent, { readonly sealedTo: string; readonly digest: string }>();
  readonly #packed = new Map<string, Buffer>();

  constructor(packMaster: Uint8Array) {
    this.#packMaster = packMaster;
  }

  /** Keyed, so that it says nothing to who reads the store. */
  digestOf(app: SliceAppContent): string {
    const known = this.#digests.get(app);
    if (known !== undefined) return known;
    const digest = hmacSha256Hex(this.#packMaster, `axle-slice-app-v1\n${canonicalJson(app)}`);
    this.#digests.set(app, digest);
    return digest;
  }

  /** The digest of a whole slice, made once for as long as the slice is the same object and for the same key. */
  remember(content: SliceContent, sealedTo: string, make: () => string): string {
    const known = this.#contents.get(content);
    if (known?.sealedTo === sealedTo) return known.digest;
    const digest = make();
    this.#contents.set(content, { sealedTo, digest });
    return digest;
  }

  /** `…"apps":[…]}`, the end of a slice's JSON text, compressed: the last part of a raw deflate stream. */
  packApps(apps: readonly SliceAppContent[]): Buffer {
    const key = apps.map((app) => this.digestOf(app)).join("");
    const known = this.#packed.get(key);
    if (known !== undefined) return known;
    const packed = deflateRawSync(`"apps":[${apps.map((app) => this.#textOf(app)).join(",")}]}`);
    this.#packed.set(key, packed);
    for (const oldest of this.#packed.keys()) {
      if (this.#packed.size <= KEPT_APP_SETS) break;
      this.#packed.delete(oldest);
    }
    return packed;
  }

  #textOf(app: SliceAppContent): string {
    const known = this.#texts.get(app);
    if (known !== undefined) return known;
    const text = canonicalJson({ ...app, packs: app.packs.map((handle) => this.#refTo(handle)) });
    this.#texts.set(app, text);
    return text;
  }

  #refTo(handle: PackHandle): PackRef {
    const known = this.#refs.get(handle);
    if (known !== undefined) return known;
    const key = Buffer.from(packKeyFromId(this.#packMaster, handle.keyId)).toString("base64");
    const ref = { digest: handle.digest, key, size: handle.size, chunks: handle.chunks };
    this.#refs.set(handle, ref);
    return ref;
  }
}
