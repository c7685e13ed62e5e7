import type { ClusterFacts } from "../../fleet/cluster.ts";
import { kubernetesMinorOf } from "./removed-apis.ts";

/** What API servers that say the same serve. */
export interface FactsClass {
  readonly apiVersions: readonly string[];
  readonly served: ReadonlySet<string>;
  readonly minor: number | undefined;
}

/** Clusters by what they say they serve: thousands of clusters make a few classes, and each class is judged once. */
export class FactsClasses {
  readonly #classes = new Map<string, readonly WeakRef<FactsClass>[]>();
  readonly #classOf = new WeakMap<ClusterFacts, FactsClass>();

  /** Undefined while the cluster has not said what it serves. */
  of(facts: ClusterFacts | undefined): FactsClass | undefined {
    if (facts === undefined || (facts.apiVersions.length === 0 && facts.kubernetesVersion === "")) return undefined;
    const known = this.#classOf.get(facts);
    if (known !== undefined) return known;
    const found = this.#find(facts);
    this.#classOf.set(facts, found);
    return found;
  }

  /** Compared member by member, not as one joined text: that alone would cost more than all the rest. */
  #find({ kubernetesVersion, apiVersions }: ClusterFacts): FactsClass {
    const middle = apiVersions[apiVersions.length >> 1] ?? "";
    const key = `${kubernetesVersion} ${apiVersions.length} ${apiVersions[0] ?? ""} ${middle} ${apiVersions.at(-1) ?? ""}`;
    const alike = (this.#classes.get(key) ?? []).filter((one) => one.deref() !== undefined);
    for (const one of alike) {
      const known = one.deref();
      if (known?.apiVersions.every((version, index) => version === apiVersions[index]) === true) return known;
    }
    const made = { apiVersions, served: new Set(apiVersions), minor: kubernetesMinorOf(kubernetesVersion) };
    this.#classes.set(key, [...alike, new WeakRef(made)]);
    return made;
  }
}
