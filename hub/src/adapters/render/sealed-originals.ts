import type { Problem } from "@axle/core/fleet/problem.ts";
import {
  describeRef,
  parseId,
  refOf,
  type KubeObject,
  type ObjectId,
  type ObjectRef,
} from "@axle/core/manifest/object.ts";
import { parseManifest } from "@axle/core/manifest/parse-manifest.ts";
import { encryptedFilesIn, lacksSopsSection, sopsMacOf } from "@axle/core/manifest/sops.ts";
import type { SealedOriginal } from "@axle/core/slice/slice.ts";
import type { RenderedObject, Snapshot } from "../../ports.ts";
import { warning } from "./finish-objects.ts";
import { placeOf, RenderError } from "./render-error.ts";
import { SnapshotIndex } from "./snapshot-index.ts";

/** No object is larger, so no document that is encrypted by itself. */
const MAX_FILE_BYTES = 1_500_000;
/** Texts held at once. */
const BATCH = 50;

/** A document SOPS encrypted, as it stands in a file: several where they were encrypted together. */
interface Found {
  readonly file: string;
  readonly text: string;
  /** `Kind name` of what is in it. */
  readonly names: ReadonlySet<string>;
}

/**
 * For rendered objects that SOPS encrypted, their documents byte for byte. SOPS's checksum is over the whole document as
 * it was encrypted, so what renderers, patches and Apps add to the object (a namespace, labels, a prefix of the name) would
 * break it: what is decrypted in the cluster has to be the original, what is applied the rendered object.
 *
 * Told apart by the checksum itself, which survives any renderer, not by names, which do not. `requests`: paths of all that
 * the render may have read. Throws RenderError `source` when no file has the document, or an object lost
 * SOPS's section, for then nobody could open it.
 */
export async function findOriginals(
  objects: readonly RenderedObject[],
  from: { readonly snapshot: Snapshot; readonly requests: readonly string[] },
  signal: AbortSignal,
): Promise<readonly SealedOriginal[]> {
  for (const { object, file } of objects) if (lacksSopsSection(object)) throw sectionLost(object, file);
  const sealed = objects.flatMap((entry) => {
    const mac = sopsMacOf(entry.object);
    return mac === undefined ? [] : [{ ...entry, mac }];
  });
  if (sealed.length === 0) return [];
  const documents = await readSealed(from, new Set(sealed.map(({ mac }) => mac)), signal);
  const originals = new Map<string, Found & { readonly objects: ObjectId[] }>();
  for (const { id, object, file, mac } of sealed) {
    const copies = documents.get(mac) ?? [];
    const found = copies.find(({ names }) => names.has(`${object.kind} ${object.metadata.name}`)) ?? copies[0];
    if (found === undefined) {
      const message =
        `${describeRef(refOf(object))} is encrypted with SOPS, and no file of the app has its document as it was ` +
        "encrypted, so no cluster could open it; keep it as a YAML or JSON file beside the app, not in a packed chart";
      throw new RenderError("source", message, { place: placeOf(file) });
    }
    const key = `${found.file}\n${mac}`;
    const known = originals.get(key) ?? { ...found, objects: [] };
    known.objects.push(id);
    originals.set(key, known);
  }
  return [...originals]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { file, text, objects: ids }]) => ({ file, text, objects: ids.toSorted() }));
}

function sectionLost(object: KubeObject, file: string): RenderError {
  const message =
    `${describeRef(refOf(object))} has values that SOPS encrypted, and not its section "sops", so no cluster could open it; ` +
    "encrypt every object by itself, not a List of them, and keep the section";
  return new RenderError("source", message, { place: placeOf(file) });
}

/** Said before anything is merged: what the cluster cannot open keeps its whole app from being applied. */
export function warnOfSealed(originals: readonly SealedOriginal[], app: string): readonly Problem[] {
  return originals.map(({ file, objects }) => {
    const [first = "", ...others] = objects.map((id) => describeRef(parseId(id) as ObjectRef));
    const more = others.length > 0 ? ` (and ${others.length} more)` : "";
    const message = `${first}${more} is encrypted with SOPS, which agents cannot open yet: nothing of the app is applied while it has it`;
    return { ...warning(message, { app, file }), code: "sealed" };
  });
}

/** Said before anything is merged: such a file stands in the Secret as it is, and whoever mounts it has to open it. */
export function warnOfSealedFiles(objects: readonly RenderedObject[], app: string): readonly Problem[] {
  return objects.flatMap(({ object, file }) => {
    const [first, ...others] = encryptedFilesIn(object);
    if (first === undefined) return [];
    const more = others.length > 0 ? ` (and ${others.length} more)` : "";
    const message =
      `${describeRef(refOf(object))} holds ${first}${more}, a file that SOPS encrypted: neither hub nor agent opens it, so ` +
      "pods get it encrypted";
    return [{ ...warning(message, { app, file }), code: "sealed" as const }];
  });
}

/** Documents with these checksums, by checksum, in the order of their files' paths. */
async function readSealed(
  { snapshot, requests }: { readonly snapshot: Snapshot; readonly requests: readonly string[] },
  macs: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly Found[]>> {
  const files = filesOf(SnapshotIndex.of(snapshot), requests);
  const documents = new Map<string, Found[]>();
  for (let start = 0; start < files.length; start += BATCH) {
    for (const [file, text] of await readTexts(snapshot, files.slice(start, start + BATCH), signal)) {
      for (const [mac, found] of sealedIn(file, text)) {
        if (macs.has(mac)) documents.set(mac, [...(documents.get(mac) ?? []), found]);
      }
    }
  }
  return documents;
}

/** YAML and JSON files at and below these paths, through links, sorted. */
function filesOf(index: SnapshotIndex, requests: readonly string[]): readonly string[] {
  const files = new Set<string>();
  const seen = new Set<string>();
  const pending = [...requests];
  for (let request = pending.pop(); request !== undefined; request = pending.pop()) {
    const { type, path } = index.find(request);
    if (seen.has(path)) continue;
    seen.add(path);
    if (type === "folder") pending.push(...index.filesBelow(path));
    const size = index.snapshot.files.get(path)?.size ?? 0;
    if (type === "file" && /\.(ya?ml|json)$/.test(path) && size <= MAX_FILE_BYTES) files.add(path);
  }
  return [...files].sort();
}

/** A file that is no text is none SOPS wrote. */
async function readTexts(
  snapshot: Snapshot,
  files: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  try {
    return await snapshot.readTexts(files, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (files.length === 1) return new Map();
    if (!(error instanceof Error)) throw error;
    const halves = [files.slice(0, files.length >> 1), files.slice(files.length >> 1)];
    const read = await Promise.all(halves.map((half) => readTexts(snapshot, half, signal)));
    return new Map(read.flatMap((texts) => [...texts]));
  }
}

/** By checksum. Documents that share it were encrypted together: their text is all of them, as they follow each other. */
function sealedIn(file: string, text: string): ReadonlyMap<string, Found> {
  const found = new Map<string, Found>();
  if (!text.includes("sops")) return found;
  // A line that begins so is always the start of a document: YAML allows it in no scalar.
  for (const part of text.split(/^(?=---(?:\s|$))/m)) {
    if (!part.includes("sops")) continue;
    for (const { object } of parseManifest(part, file).objects) {
      const mac = sopsMacOf(object);
      if (mac === undefined) continue;
      const before = found.get(mac);
      found.set(mac, {
        file,
        text: `${before?.text ?? ""}${part}`,
        names: new Set([...(before?.names ?? []), `${object.kind} ${object.metadata.name}`]),
      });
    }
  }
  return found;
}
