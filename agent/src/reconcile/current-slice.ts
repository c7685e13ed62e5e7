import type { AppSettings } from "@axle/core/fleet/app.ts";
import { barrierTo } from "@axle/core/guard/guardrails.ts";
import type { Guardrails } from "@axle/core/guard/guardrails.ts";
import { describeRef, refOf } from "@axle/core/manifest/object.ts";
import type { ObjectId } from "@axle/core/manifest/object.ts";
import { sopsMacOf } from "@axle/core/manifest/sops.ts";
import type { DeletionApproval } from "@axle/core/slice/slice.ts";
import type { DesiredApp, DesiredState } from "../ports.ts";
import { AppChecks } from "./app-checks.ts";
import { deepEqual } from "./deep-equal.ts";
import { autoscaledBy } from "./ignored-fields.ts";
import type { ObjectBook } from "./object-book.ts";
import type { ResolvedSlice } from "./resolved-app.ts";

export interface CurrentSliceOptions {
  readonly book: ObjectBook;
  readonly guardrails: Guardrails;
}

/** What the slice the cluster is kept to says, for the parts that ask during a pass and between passes. */
export class CurrentSlice {
  readonly #options: CurrentSliceOptions;
  readonly #checks = new AppChecks();
  #settings: ReadonlyMap<string, AppSettings> = new Map();
  #claims: ReadonlyMap<ObjectId, string> = new Map();
  #barriers: ReadonlyMap<string, string> = new Map();
  #autoscaled: ReadonlySet<ObjectId> = new Set();
  #approvals: readonly DeletionApproval[] = [];

  constructor(options: CurrentSliceOptions) {
    this.#options = options;
  }

  /**
   * From now on this one. Objects of apps whose rules are others than before, of health or of what is left to others, are
   * looked at again: live objects are not kept, so nothing else would judge them anew.
   */
  begin(desired: DesiredState, slice: ResolvedSlice): void {
    const before = this.#settings;
    this.#settings = new Map(desired.apps.map((app) => [app.name, app.settings]));
    this.#claims = slice.claims;
    this.#approvals = desired.approvals;
    this.#doubtYielding(before, slice);
    this.doubt(this.#checks.replace(this.#settings));
    this.#barriers = barriersIn(slice, this.#options.guardrails);
  }

  /** Undefined for an app that is not in it. */
  settingsOf(app: string): AppSettings | undefined {
    return this.#settings.get(app);
  }

  has(app: string): boolean {
    return this.#settings.has(app);
  }

  /** Whether a pack has the object. */
  declares(id: ObjectId): boolean {
    return this.#claims.has(id);
  }

  /** Whether a pack has the object and nothing keeps its app from being applied. */
  applies(id: ObjectId): boolean {
    const app = this.#claims.get(id);
    return app !== undefined && !this.#barriers.has(app);
  }

  /** What keeps an app from being applied, in words: guardrails, or objects nobody here can open. */
  barrierTo(app: string): string | undefined {
    return this.#barriers.get(app);
  }

  /** Whether an autoscaler of the slice aims at the object. */
  isAutoscaled(id: ObjectId): boolean {
    return this.#autoscaled.has(id);
  }

  /** The app's own rules of health. */
  checksOf(app: string): ReturnType<AppChecks["of"]> {
    return this.#checks.of(app);
  }

  get approvals(): readonly DeletionApproval[] {
    return this.#approvals;
  }

  /** Where other fields are others' to set than before, objects that had or now have such fields are looked at again. */
  #doubtYielding(before: ReadonlyMap<string, AppSettings>, slice: ResolvedSlice): void {
    const { book } = this.#options;
    const autoscaled = autoscaledBy(slice.apps.flatMap((app) => app.objects));
    const rulesOf = (settings: AppSettings | undefined) => settings?.ignoreDifferences ?? [];
    const changed = new Set(
      [...this.#settings]
        .filter(([app, now]) => !deepEqual(rulesOf(before.get(app)), rulesOf(now)))
        .map(([app]) => app),
    );
    for (const { id, app, yields, standing } of book.values()) {
      const isOther = changed.has(app) || this.#autoscaled.has(id) !== autoscaled.has(id);
      if (isOther && yields && standing === "clean") book.update(id, { standing: "unsure" });
    }
    this.#autoscaled = autoscaled;
  }

  /** All objects of these apps are compared with the server by the next pass, whatever watches say. */
  doubt(apps: ReadonlySet<string>): void {
    if (apps.size === 0) return;
    const { book } = this.#options;
    for (const { id, app, standing } of book.values()) {
      if (apps.has(app) && standing === "clean") book.update(id, { standing: "unsure" });
    }
  }
}

function barriersIn(slice: ResolvedSlice, guardrails: Guardrails): ReadonlyMap<string, string> {
  return new Map(
    slice.apps.flatMap(({ desired, possibleIds }) => {
      const barrier = barrierTo(possibleIds, guardrails) ?? sealedIn(desired);
      return barrier === undefined ? [] : [[desired.name, barrier]];
    }),
  );
}

/** Ciphertext helps nobody, and some kinds' schemas would let it in: what depends on it would run with it as its password. */
function sealedIn({ objects }: DesiredApp): string | undefined {
  const sealed = objects.filter((object) => sopsMacOf(object) !== undefined);
  const [first] = sealed;
  if (first === undefined) return undefined;
  const more = sealed.length > 1 ? ` (and ${sealed.length - 1} more)` : "";
  return (
    `${describeRef(refOf(first))}${more} is encrypted with SOPS, and this agent has no key to open it; ` +
    "until it has, let an operator in the cluster fetch what is in it"
  );
}
