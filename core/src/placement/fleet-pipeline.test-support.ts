import { DocumentMemo } from "../fleet/document-memo.ts";
import { readContract } from "../fleet/parse-contract.ts";
import type { DeletionApproval } from "../slice/slice.ts";
import type { AppRecord } from "./app-record.ts";
import { mergeClusters } from "./merge-clusters.ts";
import type { Registration } from "./merge-clusters.ts";
import { planFleet } from "./plan-fleet.ts";
import type { FleetPlan } from "./plan-fleet.ts";
import { PlanMemo } from "./plan-memo.ts";
import { planSlices } from "./plan-slices.ts";
import type { RenderedPack, RenderedVariant } from "./rendered-variant.ts";
import { foldersToInspect, resolve } from "./resolve.ts";
import { ResolveMemo } from "./resolve-memo.ts";
import type { Resolution } from "./resolution.ts";
import type { SliceContent } from "./slice-content.ts";
import { SliceMemo } from "./slice-memo.ts";
import type { Variant } from "./variant.ts";

/** All that a cycle decides from, at one moment. */
export interface Moment {
  /** Text by path. A manifest is a list of object names, one a line; `broken` does not render. */
  readonly files: ReadonlyMap<string, string>;
  readonly registrations: readonly Registration[];
  readonly approvals: ReadonlyMap<string, readonly DeletionApproval[]>;
}

export interface Turn {
  readonly resolution: Resolution;
  readonly plan: FleetPlan;
  readonly slices: ReadonlyMap<string, SliceContent>;
}

/** The pure part of the hub's cycle from files to slices, turn after turn; `forgetful` begins each with fresh memos. */
export class FleetPipeline {
  readonly records = new Map<string, AppRecord>();
  readonly #forgetful: boolean;
  readonly #packs = new Map<string, RenderedPack>();
  #memos = freshMemos();
  #turns = 0;

  constructor({ forgetful }: { readonly forgetful: boolean }) {
    this.#forgetful = forgetful;
  }

  turn({ files, registrations, approvals }: Moment): Turn {
    this.#turns += 1;
    if (this.#forgetful) this.#memos = freshMemos();
    const { documents, ...memos } = this.#memos;
    const contract = readContract({ paths: files.keys(), texts: files, memo: documents });
    const clusters = mergeClusters(registrations, contract.clusterFiles);
    const raw = { type: "raw", asksCapabilities: false } as const;
    const sources = new Map(foldersToInspect(contract).map((folder) => [folder, raw]));
    const resolution = resolve({ contract, clusters, sources, memo: memos.resolve });
    const variants = [...resolution.apps.values()].flatMap((app) => [...app.variants]);
    const facts = new Map(clusters.map((cluster) => [cluster.id, cluster.facts]));
    const ids = registrations.map(({ id }) => id);
    const plan = planFleet({
      commit: `c${this.#turns}`,
      atMs: this.#turns,
      clusters: ids,
      previous: this.records,
      resolution,
      rendered: new Map(variants.map(([key, variant]) => [key, this.#render(variant, files)])),
      objectsOf: (digest) => this.#packs.get(digest)?.objects,
      clearHolds: [],
      factsOf: (id) => facts.get(id),
      memo: memos.plan,
    });
    for (const record of plan.records) this.records.set(record.app, record);
    for (const app of plan.gone) this.records.delete(app);
    const slices = planSlices({ records: this.records, clusters: ids, approvals, memo: memos.slices });
    return { resolution, plan, slices };
  }

  #render({ app, path }: Variant, files: ReadonlyMap<string, string>): RenderedVariant {
    const file = `${path}/objects.yaml`;
    const text = files.get(file) ?? "";
    if (text === "broken") {
      return {
        error: { severity: "error", code: "render", message: "no such file", place: { file, line: 0, column: 0 } },
      };
    }
    const digest = `${app} ${text}`;
    const known = this.#packs.get(digest);
    if (known !== undefined) return known;
    const names = text.split("\n").filter((name) => name !== "");
    const objects = names.map((name) => ({ id: `/ConfigMap/x/${name}`, file, apiVersion: "v1" }));
    const made = { pack: { digest, keyId: digest, size: 1, chunks: 1, objects: objects.length }, objects };
    this.#packs.set(digest, made);
    return made;
  }
}

function freshMemos() {
  return {
    documents: new DocumentMemo(),
    resolve: new ResolveMemo(),
    plan: new PlanMemo(),
    slices: new SliceMemo(),
  };
}
