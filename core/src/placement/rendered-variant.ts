import type { Problem } from "../fleet/problem.ts";
import type { ObjectId } from "../manifest/object.ts";
import type { PackHandle } from "./app-record.ts";

/** What became of a variant: a pack, or the renderer's own error. */
export type RenderedVariant = RenderedPack | { readonly error: Problem };

export interface RenderedPack {
  readonly pack: PackHandle;
  readonly objects: readonly RenderedObject[];
}

export interface RenderedObject {
  readonly id: ObjectId;
  /** The file it came from, for messages. */
  readonly file: string;
  /** As it is written; absent in what was remembered before guards asked for it. */
  readonly apiVersion?: string;
  /** A Secret whose values stand in the repository in the clear. */
  readonly plainSecret?: true;
  /** Fields that render differently each time, as JSON pointers, and the App's `sync.regenerate` they were made with. */
  readonly unstable?: { readonly fields: readonly string[]; readonly regenerate: string };
  /** `group/version/Kind` of what a CustomResourceDefinition serves. */
  readonly defines?: readonly string[];
}
