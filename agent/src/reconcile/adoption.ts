import type { AdoptionPolicy } from "@axle/core/fleet/app.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { managedEntriesOf, uniteFieldSets } from "./field-set.ts";
import type { FieldSet, ManagedEntry } from "./field-set.ts";
import { claimOf } from "./foreign-claim.ts";
import { markOf } from "./ownership-mark.ts";

/**
 * Managers that put a manifest there before us: left as they are, a field they set would stay for good after Git stopped
 * declaring it. Controllers and other appliers keep what they own. `kubectl-rollout` only stamps a restart.
 */
const FORMER_MANAGERS =
  /^(kubectl($|-(?!rollout))|before-first-apply$|[Hh]elm$|kustomize-controller$|helm-controller$|argocd-(application-)?controller$)/;

/** Who owns an object that exists, from the point of view of one cluster's agent. */
export type Owner =
  | { readonly kind: "ours"; readonly app: string }
  | { readonly kind: "nobody" }
  | { readonly kind: "other"; readonly name: string };

export function ownerOf(live: KubeObject, cluster: string): Owner {
  const mark = markOf(live);
  if (mark === undefined) {
    const name = claimOf(live);
    return name === undefined ? { kind: "nobody" } : { kind: "other", name };
  }
  if (mark.cluster === cluster) return { kind: "ours", app: mark.app };
  return { kind: "other", name: `app ${mark.app} of the Axle agent with cluster id ${mark.cluster}` };
}

/** Why an app may not take an existing object over, with the setting that lets it; undefined when it may. */
export function refuseAdoption(owner: Owner, policy: AdoptionPolicy = "AdoptIfNoInventory"): string | undefined {
  if (owner.kind === "ours" || policy === "AdoptAll") return undefined;
  if (owner.kind === "other") return `owned by ${owner.name}; sync.adopt: AdoptAll takes it over`;
  return policy === "MustMatch"
    ? "exists and is owned by nobody; sync.adopt: AdoptIfNoInventory takes it over"
    : undefined;
}

/**
 * The patch that hands former managers' fields over to `manager`, so that the next apply removes what is not declared;
 * undefined when nobody has any. Refused by the server (`conflict`) when the object changed since it was read.
 */
export function handOverPatch(live: KubeObject, manager: string): readonly object[] | undefined {
  const entries = managedEntriesOf(live);
  const former = entries.filter(isFormer);
  if (former.length === 0) return undefined;
  const isOurs = (entry: ManagedEntry) =>
    entry.manager === manager && entry.operation === "Apply" && entry.subresource === undefined;
  const fields = [...former, ...entries.filter(isOurs)].reduce<FieldSet>(
    (united, entry) => uniteFieldSets(united, entry.fieldsV1 ?? {}),
    {},
  );
  const ours: ManagedEntry = {
    manager,
    operation: "Apply",
    apiVersion: live.apiVersion,
    ...(former.at(-1)?.time === undefined ? {} : { time: former.at(-1)?.time ?? "" }),
    fieldsType: "FieldsV1",
    fieldsV1: fields,
  };
  const kept = entries.filter((entry) => !isFormer(entry) && !isOurs(entry));
  return [
    { op: "test", path: "/metadata/resourceVersion", value: live.metadata["resourceVersion"] },
    { op: "replace", path: "/metadata/managedFields", value: [...kept, ours] },
  ];
}

function isFormer(entry: ManagedEntry): boolean {
  return entry.subresource === undefined && FORMER_MANAGERS.test(entry.manager);
}
