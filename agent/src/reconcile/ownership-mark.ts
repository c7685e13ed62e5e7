import type { DeletionPolicy } from "@axle/core/fleet/app.ts";
import { idOf } from "@axle/core/manifest/object.ts";
import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";

/** Field manager of everything we apply. */
export const FIELD_MANAGER = "axle";
/** The app that owns an object; watches filter on its existence. */
export const APP_LABEL = "axle.dev/app";
/** Whose an object is and which object was meant: `<clusterId>/<app>:<group>/<Kind>/<namespace>/<name>`. */
export const ID_ANNOTATION = "axle.dev/id";
/** `orphan`, `foreground` or `background`: how the object is deleted. */
const DELETION_ANNOTATION = "axle.dev/deletion";

export interface OwnershipMark {
  readonly cluster: string;
  readonly app: string;
}

export function markText(mark: OwnershipMark, id: ObjectId): string {
  return `${mark.cluster}/${mark.app}:${id}`;
}

/** The mark of a live object. One that does not describe the object carrying it (a copy) is none. */
export function markOf(live: KubeObject): OwnershipMark | undefined {
  const text = live.metadata.annotations?.[ID_ANNOTATION];
  const colon = text?.indexOf(":") ?? -1;
  const slash = text?.indexOf("/") ?? -1;
  if (text === undefined || slash < 0 || colon < slash) return undefined;
  if (text.slice(colon + 1) !== idOf(live)) return undefined;
  return { cluster: text.slice(0, slash), app: text.slice(slash + 1, colon) };
}

/** How an object goes when it leaves Git: `orphan` lets it stand. */
export function deletionOf(live: KubeObject): DeletionPolicy {
  const text = live.metadata.annotations?.[DELETION_ANNOTATION]?.toLowerCase();
  return text === "orphan" || text === "foreground" ? text : "background";
}

/** Objects whose word on deletion is that of their app. */
const WORDED = new WeakSet<KubeObject>();

/**
 * How an object goes that left an app which is still here: the app's word of now wins, but over the object's own. Where nobody
 * remembers what was declared, and where a person says so in the cluster, orphan wins: it loses nothing.
 */
export function deletionInApp(
  live: KubeObject,
  declared: KubeObject | undefined,
  word: DeletionPolicy | undefined,
): DeletionPolicy {
  const said = declared?.metadata.annotations?.[DELETION_ANNOTATION];
  const isOwn = declared !== undefined && said !== undefined && !WORDED.has(declared);
  const ofLive = deletionOf(live);
  if (word === undefined || isOwn) return ofLive;
  return ofLive === "orphan" && said !== "orphan" ? "orphan" : word;
}

/** The object with the word of its app on it, where it says nothing itself: the word has to outlive the app. */
export function withDeletion(object: KubeObject, deletion: DeletionPolicy | undefined): KubeObject {
  const { annotations } = object.metadata;
  if (deletion === undefined || annotations?.[DELETION_ANNOTATION] !== undefined) return object;
  const worded: KubeObject = {
    ...object,
    metadata: { ...object.metadata, annotations: { ...annotations, [DELETION_ANNOTATION]: deletion } },
  };
  WORDED.add(worded);
  return worded;
}

/** The object with our mark on it. */
export function withMark(object: KubeObject, mark: OwnershipMark): KubeObject {
  const { labels, annotations } = object.metadata;
  return {
    ...object,
    metadata: {
      ...object.metadata,
      labels: { ...labels, [APP_LABEL]: mark.app },
      annotations: { ...annotations, [ID_ANNOTATION]: markText(mark, idOf(object)) },
    },
  };
}
