import type { KubeObject } from "@axle/core/manifest/object.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { addressOf } from "../adapters/kube/kube-client.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import { managedEntriesOf } from "./field-set.ts";
import { APP_LABEL, FIELD_MANAGER, ID_ANNOTATION } from "./ownership-mark.ts";

const TRIES = 3;

/** Lets an object go as it is: takes our mark off, and gives up the fields we own, so that whoever applies it next meets no conflict. */
export async function unmark(client: KubeClient, first: KubeObject, signal: AbortSignal): Promise<void> {
  let live: KubeObject | undefined = first;
  for (let attempt = 1; live !== undefined; attempt += 1) {
    try {
      await client.jsonPatch(addressOf(live), unmarkPatch(live), signal);
      return;
    } catch (error) {
      const { code } = KubeError.from(error);
      if (code === "not-found" || code === "kind-unknown" || code === "namespace-missing") return;
      // The version the patch is for is tested by the patch itself, which the server calls invalid.
      if (attempt >= TRIES || (code !== "conflict" && code !== "invalid")) throw error;
      live = await client.get(addressOf(live), signal);
    }
  }
}

/** JSON patch, refused when the object changed since it was read. */
export function unmarkPatch(live: KubeObject): readonly object[] {
  const others = managedEntriesOf(live).filter(({ manager }) => manager !== FIELD_MANAGER);
  const { labels = {}, annotations = {} } = live.metadata;
  return [
    { op: "test", path: "/metadata/resourceVersion", value: live.metadata["resourceVersion"] },
    ...(APP_LABEL in labels ? [{ op: "remove", path: `/metadata/labels/${escape(APP_LABEL)}` }] : []),
    ...(ID_ANNOTATION in annotations ? [{ op: "remove", path: `/metadata/annotations/${escape(ID_ANNOTATION)}` }] : []),
    // One empty entry is how the server is told that nobody owns anything.
    { op: "replace", path: "/metadata/managedFields", value: others.length > 0 ? others : [{}] },
  ];
}

function escape(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}
