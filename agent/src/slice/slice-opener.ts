import type { KeySet } from "@axle/core/session/key-set.ts";
import type { SliceApp, SliceBody, SliceEnvelope, SliceLeaving, SliceNumber } from "@axle/core/slice/slice.ts";
import { substitute } from "@axle/core/slice/substitute.ts";
import type { DesiredApp, DesiredState, PackCache, SliceSource } from "../ports.ts";
import { openPacks } from "./open-packs.ts";
import type { OpenedPacks, PackObjects } from "./open-packs.ts";
import { readSlice } from "./read-slice.ts";

export interface SliceOpenerOptions {
  readonly cluster: string;
  /** Asked for each slice: the hub may bring new keys. */
  readonly keySet: () => KeySet;
  readonly sealPrivateKey: Uint8Array;
  readonly limits: SliceLimits;
  readonly source: Pick<SliceSource, "readPack">;
  readonly cache: PackCache;
}

export interface SliceLimits {
  /** Of an opened slice, and of an opened pack. */
  readonly maxSliceBytes: number;
  readonly maxPackBytes: number;
  readonly packConcurrency: number;
}

/** A verified slice with what could be read of its packs. Holds their keys: it stays in memory. */
export interface OpenedSlice {
  readonly body: SliceBody;
  readonly desired: DesiredState;
  readonly packs: PackObjects;
  /** By digest, why a pack could not be read. */
  readonly unreadable: ReadonlyMap<string, string>;
}

/** From an envelope to what the cluster should be. */
export class SliceOpener {
  readonly #options: SliceOpenerOptions;

  constructor(options: SliceOpenerOptions) {
    this.#options = options;
  }

  /** S1. Throws SliceError for what is not to be accepted; see {@link readSlice}. */
  async verify(envelope: SliceEnvelope, accepted: SliceNumber | undefined): Promise<SliceBody> {
    const { cluster, keySet, sealPrivateKey, limits } = this.#options;
    return readSlice(envelope, {
      cluster,
      keySet: keySet(),
      sealPrivateKey,
      accepted,
      maxBytes: limits.maxSliceBytes,
    });
  }

  /**
   * Reads the packs it needs that `before` has not. With `before` of the same body it is another try for those that could
   * not be read. An app with such a pack keeps the objects it had, and says which pack; the other apps know nothing of it.
   */
  async open(body: SliceBody, before: OpenedSlice | undefined, signal: AbortSignal): Promise<OpenedSlice> {
    const { source, cache, limits } = this.#options;
    if (body.leaving !== undefined) return openLeaving(body, body.leaving);
    const opened = await openPacks(
      body.apps.flatMap((app) => app.packs),
      {
        source,
        cache,
        known: before?.packs ?? new Map(),
        maxBytes: limits.maxPackBytes,
        concurrency: limits.packConcurrency,
      },
      signal,
    );
    const old = new Map(before?.desired.apps.map((app) => [app.name, app]));
    const { number, approvals, deletionHolds } = body;
    const apps = body.apps.map((app) => desiredApp(app, opened, old.get(app.name)));
    return { body, ...opened, desired: { number, apps, approvals, deletionHolds } };
  }
}

/** Who leaves needs none of the packs. */
function openLeaving(body: SliceBody, leaving: SliceLeaving): OpenedSlice {
  const { number, approvals, deletionHolds } = body;
  const apps = body.apps.map(({ name, settings }) => ({ name, dependsOn: settings.dependsOn }));
  const desired: DesiredState = { number, apps: [], approvals, deletionHolds, leaving: { ...leaving, apps } };
  return { body, packs: new Map(), unreadable: new Map(), desired };
}

function desiredApp(app: SliceApp, opened: OpenedPacks, before: DesiredApp | undefined): DesiredApp {
  const { name, revision, commit, settings, held } = app;
  const unreadable = app.packs.flatMap(({ digest }) => {
    const reason = opened.unreadable.get(digest);
    return reason === undefined ? [] : [{ digest, reason }];
  });
  const desired = { name, revision, commit, settings, ...(held === undefined ? {} : { held }) };
  if (unreadable.length > 0) return { ...desired, objects: keptObjects(app, before), unreadable };
  const objects = app.packs.flatMap(({ digest }) => opened.packs.get(digest) ?? []);
  return { ...desired, objects: substitute(objects, app.substitutions) };
}

/** In another namespace the old objects would be others than those that are applied. */
function keptObjects(app: SliceApp, before: DesiredApp | undefined): DesiredApp["objects"] {
  return before === undefined || before.settings.namespace !== app.settings.namespace ? [] : before.objects;
}
