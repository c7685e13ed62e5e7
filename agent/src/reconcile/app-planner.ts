import type { AppSettings } from "@axle/core/fleet/app.ts";
import { STAGES, stageOf } from "@axle/core/manifest/kind-order.ts";
import type { KubeObject, ObjectId } from "@axle/core/manifest/object.ts";
import type { AppClients } from "./app-clients.ts";
import { addressOf } from "../adapters/kube/kube-client.ts";
import type { KubeClient } from "../adapters/kube/kube-client.ts";
import { KubeError } from "../adapters/kube/kube-error.ts";
import { ownerOf, refuseAdoption } from "./adoption.ts";
import { describeId } from "./app-board.ts";
import { isSameVersion, wouldChange, wouldCreate } from "./compare-live.ts";
import { eachBounded } from "./each-bounded.ts";
import type { ObjectBook } from "./object-book.ts";
import type { OwnedObjects } from "./owned-objects.ts";
import { isLeftAlone, isMadeOnce, isMerged, isPaused } from "./object-policy.ts";
import { FIELD_MANAGER } from "./ownership-mark.ts";
import { isVersionTrouble, migrationPatch } from "./version-migration.ts";
import { planRecreation } from "./recreation.ts";
import type { RecreationGuard } from "./recreation-guard.ts";
import type { ResolvedObject } from "./resolved-app.ts";

export interface PlannedWrite {
  readonly object: ResolvedObject;
  readonly change: "create" | "adopt" | "update";
  /** The live object, where it is adopted. */
  readonly adopt?: KubeObject;
  /** The live object, whose owners' entries are of a version of its kind that is no longer served. */
  readonly migrate?: KubeObject;
  /** Fields of it are others' to set. */
  readonly yields?: boolean;
  /** The uid of the live object, where a field that cannot be changed in place has to. */
  readonly recreate?: string;
  /** What would be lost by that: only a person's yes lets it pass. */
  readonly risk?: string;
}

/** What an app's objects would do to the cluster. Nothing has been written. */
export interface AppPlan {
  readonly writes: readonly PlannedWrite[];
  /** Wait for a namespace or kind that the named app of the same slice brings. */
  readonly deferred: readonly { readonly object: ResolvedObject; readonly provider: string }[];
  /** In words, one for each object the server would not take. */
  readonly refusals: readonly string[];
  /** Refused for what may be the app's own that is about to go. */
  readonly contested?: readonly ContestedObject[];
  /** Namespaces that were not there when they were asked about. */
  readonly missing?: ReadonlySet<string>;
}

export interface ContestedObject {
  readonly object: ResolvedObject;
  readonly refusal: string;
}

/** The app of this slice that will bring what an object lacks, if any does; `schema`: its kind as another version of the CRD has it. */
export type ProviderOf = (object: ResolvedObject, lacks: "namespace" | "kind" | "schema") => string | undefined;

export interface PlanRequest {
  readonly app: string;
  readonly objects: readonly ResolvedObject[];
  /** Live objects read before, where there was reason to. */
  readonly loaded: ReadonlyMap<ObjectId, KubeObject>;
  readonly providerOf: ProviderOf;
  /** Something of the app goes before it is applied: what stands in its way may be just that. */
  readonly makesRoom?: boolean;
  readonly signal: AbortSignal;
}

export interface AppPlannerOptions {
  readonly client: KubeClient;
  readonly cluster: string;
  readonly book: ObjectBook;
  readonly owned: OwnedObjects;
  readonly clients: AppClients;
  readonly settingsOf: (app: string) => AppSettings | undefined;
  readonly recreations: RecreationGuard;
}

interface Findings {
  readonly writes: PlannedWrite[];
  readonly deferred: { readonly object: ResolvedObject; readonly provider: string }[];
  readonly refusals: string[];
  readonly contested: ContestedObject[];
  /** Namespaces that are not there. */
  readonly missing: Set<string>;
}

const CONCURRENCY = 16;
/** At an object that changes all the time. */
const MOST_LOOKS = 4;

/** Asks the server, by a dry-run of every object that may differ, what an app would change. */
export class AppPlanner {
  readonly #options: AppPlannerOptions;

  constructor(options: AppPlannerOptions) {
    this.#options = options;
  }

  /** Asks for namespaces and kinds first: what stands in a namespace that is yet to be made cannot be asked about. */
  async plan(request: PlanRequest): Promise<AppPlan> {
    const findings: Findings = { writes: [], deferred: [], refusals: [], contested: [], missing: new Set() };
    const isFirst = ({ source }: ResolvedObject) => stageOf(source) === STAGES[0];
    await this.#ask(request.objects.filter(isFirst), request, findings);
    await this.#ask(
      request.objects.filter((object) => !isFirst(object)),
      request,
      findings,
    );
    await this.#admitRecreations(request, findings);
    return findings;
  }

  /** What a person has to allow is refused until one does. */
  async #admitRecreations({ app, signal }: PlanRequest, { writes, refusals }: Findings): Promise<void> {
    const precious = writes.flatMap(({ object, recreate, risk }) =>
      recreate === undefined || risk === undefined ? [] : [{ id: object.id, uid: recreate, risk }],
    );
    const { settingsOf, recreations } = this.#options;
    // Not asked for, and no approval used up, by what is only observed or fails anyway.
    const isOnlyAsked = settingsOf(app)?.sync.mode === "observe" || (precious.length > 0 && refusals.length > 0);
    if (!isOnlyAsked && (await recreations.admit(app, precious, signal))) return;
    for (const { id, risk } of precious) {
      refusals.push(
        `${describeId(id)}: has to be deleted and made anew, which waits for a person (axle approve): ${risk}`,
      );
    }
  }

  async #ask(objects: readonly ResolvedObject[], request: PlanRequest, findings: Findings): Promise<void> {
    const { writes, deferred, refusals, contested, missing } = findings;
    await eachBounded(objects, CONCURRENCY, async (object) => {
      request.signal.throwIfAborted();
      const { namespace = "", name } = object.source.metadata;
      const awaited = missing.has(namespace) ? request.providerOf(object, "namespace") : undefined;
      if (awaited !== undefined) {
        deferred.push({ object, provider: awaited });
        return;
      }
      try {
        const write = await this.#planOne(object, request);
        if (write !== undefined) writes.push(write);
        if (write?.change === "create" && object.source.kind === "Namespace") missing.add(name);
      } catch (error) {
        const failure = KubeError.from(error);
        request.signal.throwIfAborted();
        const provider = providerFor(object, failure, request);
        if (failure.code === "namespace-missing") missing.add(namespace);
        if (provider !== undefined) deferred.push({ object, provider });
        else if (failure.isServerAway) throw failure;
        else if (request.makesRoom === true && isContested(failure))
          contested.push({ object, refusal: sayRefusal(object, failure) });
        else refusals.push(sayRefusal(object, failure));
      }
    });
  }

  async #planOne(object: ResolvedObject, request: PlanRequest): Promise<PlannedWrite | undefined> {
    const { app, signal, loaded } = request;
    const { cluster, book, owned, settingsOf, clients } = this.#options;
    const client = clients.of(app);
    const { id, source } = object;
    const known = book.get(id);
    const isPausedLive = known?.paused === true && !isPaused(known.source) && !isMadeOnce(known.source);
    if (isPaused(source) || isPausedLive) {
      book.update(id, { app, source, paused: true, fingerprint: undefined });
      return undefined;
    }
    if (isMadeOnce(source) && (await this.#isThere(object, request))) return undefined;
    const found = loaded.get(id);
    if (found !== undefined && ownerOf(found, cluster).kind === "ours" && isLeftAlone(source, found)) {
      // Not asked about first: what would be refused of it does not concern who leaves it alone.
      owned.settle(id, app, { source, live: found });
      return undefined;
    }
    const declared = { id, app, source };
    const read = async () => found ?? (await client.get(addressOf(source), signal));
    const tryOver = (over: KubeObject | undefined) =>
      client.apply(owned.prepare(declared, over), { dryRun: true, manager: FIELD_MANAGER, signal });
    const early = owned.mayYield(declared) ? await read() : undefined;
    let dryRun: KubeObject;
    try {
      dryRun = await tryOver(early);
    } catch (error) {
      const failure = KubeError.from(error);
      if (isVersionTrouble(failure)) return this.#planMigration(object, { failure, live: await read() });
      if (failure.code !== "immutable") throw failure;
      const recreation = await planRecreation(declared, {
        ...this.#options,
        client,
        failure,
        live: await read(),
        signal,
      });
      const { uid, ...rest } = recreation;
      return { object, change: "update", recreate: uid, ...rest };
    }
    if (wouldCreate(dryRun)) return { object, change: "create" };
    // What we know to be as we left it changes by what changed in the pack: no need to read it.
    if (known?.standing === "clean" && !known.paused && early === undefined) return { object, change: "update" };
    const live = early ?? (await read());
    if (live === undefined) return { object, change: "create" };
    const owner = ownerOf(live, cluster);
    const obstacle = refuseAdoption(owner, settingsOf(app)?.sync.adopt);
    if (obstacle !== undefined) throw new KubeError("conflict", obstacle);
    if (isLeftAlone(source, live)) {
      owned.settle(id, app, { source, live });
      return undefined;
    }
    if (owner.kind !== "ours") {
      return { object, change: "adopt", ...(isMerged(source, live) ? {} : { adopt: live }) };
    }
    const yields = owned.yieldedPaths(declared, live).length > 0;
    let at: KubeObject | undefined = live;
    let outcome = yields && early === undefined ? await tryOver(live) : dryRun;
    for (let looks = 1; wouldChange(outcome, at, FIELD_MANAGER); looks += 1) {
      if (looks === MOST_LOOKS || isSameVersion(outcome, at)) return { object, change: "update", yields };
      // Its controller wrote it between the two looks: they say nothing of each other.
      at = await client.get(addressOf(source), signal);
      if (at === undefined) return { object, change: "create" };
      outcome = await tryOver(yields ? at : undefined);
    }
    owned.settle(id, app, { source, live: at });
    return undefined;
  }

  /** What the server says of the object can only be asked once its owners' entries are of a version it serves. */
  #planMigration(
    object: ResolvedObject,
    { failure, live }: { readonly failure: KubeError; readonly live: KubeObject | undefined },
  ): PlannedWrite {
    const isOurs = live !== undefined && ownerOf(live, this.#options.cluster).kind === "ours";
    if (!isOurs || migrationPatch(live, object.source.apiVersion) === undefined) throw failure;
    return { object, change: "update", migrate: live };
  }

  /** Of an object that is only made when it is not there. Somebody else's is not ours to speak of. */
  async #isThere({ id, source }: ResolvedObject, request: PlanRequest): Promise<boolean> {
    const { client, cluster, owned } = this.#options;
    const live = request.loaded.get(id) ?? (await client.get(addressOf(source), request.signal));
    if (live !== undefined && ownerOf(live, cluster).kind === "ours") {
      owned.settle(id, request.app, { source, live });
    }
    return live !== undefined;
  }
}

function providerFor(object: ResolvedObject, failure: KubeError, request: PlanRequest): string | undefined {
  const lacks = LACKS[failure.code];
  return lacks === undefined ? undefined : request.providerOf(object, lacks);
}

const LACKS: Partial<Record<KubeError["code"], Parameters<ProviderOf>[1]>> = {
  "namespace-missing": "namespace",
  "kind-unknown": "kind",
  invalid: "schema",
};

/** Two of them cannot be there at once: a port or an address that is taken, or what admission counts or compares. */
function isContested({ code, message }: KubeError): boolean {
  return code === "admission-denied" || /already (allocated|in use|exists|defined)|exceeded quota/.test(message);
}

export function sayRefusal(object: ResolvedObject, failure: KubeError): string {
  const hint = HINTS[failure.code];
  return `${describeId(object.id)}: ${failure.message}${hint === undefined ? "" : ` (${hint})`}`;
}

const HINTS: Partial<Record<KubeError["code"], string>> = {
  "kind-unknown": "install its CustomResourceDefinition first, in this app or in one it depends on",
  "namespace-missing": "declare the Namespace in the repository, or let sync.createNamespace make it",
  immutable: "it cannot be changed in place; sync.force or the annotation axle.dev/force: enabled has it recreated",
  forbidden: "the account that the app is applied as may not do this",
};
