import { idOf } from "@axle/core/manifest/object.ts";
import { describeObject } from "@axle/core/placement/guards/describe-object.ts";
import type { Pack } from "@axle/core/slice/slice.ts";
import type { Rendered, RenderedObject, RenderRecord } from "../ports.ts";

/** A render as it was before it was stored. */
export function renderedOf({ objects, renamed, warnings }: RenderRecord, pack: Pack): Rendered {
  const contents = new Map(pack.objects.map((object) => [idOf(object), object]));
  return {
    objects: objects.map(({ id, file, unstable }) => {
      const object = contents.get(id);
      if (object === undefined) throw new TypeError(`the pack lacks ${id}`);
      return { id, object, file, ...(unstable !== undefined && { unstable: unstable.fields }) };
    }),
    ...(pack.originals !== undefined && { originals: pack.originals }),
    ...(renamed !== undefined && { renamed }),
    warnings,
  };
}

/** What the memo keeps of an object: nothing of its content, so that it may stand in the clear (S5). */
export function describeRendered(
  { object, file, unstable }: RenderedObject,
  regenerate: string,
): RenderRecord["objects"][number] {
  const described = describeObject(object, file, unstable);
  return unstable === undefined ? described : { ...described, unstable: { fields: unstable, regenerate } };
}
