import type { Contract } from "@axle/core/fleet/contract.ts";
import { DocumentMemo } from "@axle/core/fleet/document-memo.ts";
import { refusesCommit } from "@axle/core/fleet/problem.ts";
import type { Problem } from "@axle/core/fleet/problem.ts";
import { describeSource, mountOf, requestAt, sourceKey } from "@axle/core/fleet/source-request.ts";
import type { SourceRequest } from "@axle/core/fleet/source-request.ts";
import { sourceRequestsOf, wantedRefsOf } from "@axle/core/fleet/source-requests.ts";
import { foldersToInspect } from "@axle/core/placement/resolve.ts";
import type { Fetched, RefRecord, Repository, Snapshot } from "../ports.ts";
import type { Composition, FoundReferences, ReferenceFinder, RefRepository, SourcePins } from "../source-ports.ts";
import { hidesLayoutFolders, mayComeLater, missingProblems } from "./missing-parts.ts";
import { MountError } from "./mount-error.ts";
import { readContractOf, unreadContractFiles } from "./read-contract-of.ts";
import { RefDesk } from "./ref-desk.ts";
import { SourceBringer } from "./source-bringer.ts";
import type { BroughtSource, UsedRef } from "./source-bringer.ts";
import { compositionOf, signatureOf, usedRefsOf } from "./source-composition.ts";
import { SourceError } from "./source-error.ts";
import { hidesApps, troubleProblems } from "./source-problems.ts";
import { SourceShelf } from "./source-shelf.ts";
import type { SourceShelfOptions } from "./source-shelf.ts";

/** A base that names a base that names a base …: each round brings what the one before named. */
const MAX_ROUNDS = 12;
/** Nobody has as many on purpose, and each costs a connection and a place on disk. */
const MAX_SOURCES = 1_000;
const NOTHING_FOUND: FoundReferences = { requests: [], replaced: new Map(), links: new Map() };

/** What `axle.lock` of a commit says. */
export interface SourceLock {
  /** Digests by source key. */
  readonly digests: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

export interface SourceDeskOptions extends Omit<SourceShelfOptions, "now" | "onReady"> {
  readonly repository: Pick<Repository, "fetch" | "snapshot"> & RefRepository;
  readonly finder?: ReferenceFinder;
  /** Remembered digests; what the lock says comes before them. */
  readonly pins?: SourcePins;
  readonly readLock?: (snapshot: Snapshot, signal: AbortSignal) => Promise<SourceLock>;
  readonly onReady?: () => void;
  readonly now?: () => number;
}

/** A commit with everything its files name beside it. */
export interface ComposedCommit {
  readonly snapshot: Snapshot;
  /** With the problems of sources; an app that reads one that failed has an error. */
  readonly contract: Contract;
  /** By ref as written: the commits that were taken. */
  readonly refs: ReadonlyMap<string, UsedRef>;
  /** A source failed that may be there next time, though nothing changes. */
  readonly mayPass: boolean;
  /**
   * What a layout finds apps in cannot be read at all: nobody knows which they are, so none may look deleted. Also where it was
   * never in force: the files may have named something else until now, which has these apps.
   */
  readonly isBlocked: boolean;
}

export interface SourcesInUse {
  readonly keys: ReadonlySet<string>;
  /** Ids of their trees. */
  readonly trees: readonly string[];
}

interface Composed extends ComposedCommit {
  /** Equal: nothing that counts changed. */
  readonly signature: string;
  readonly requests: readonly SourceRequest[];
  readonly pinned: ReadonlyMap<string, string>;
  readonly branches: readonly string[];
}

/**
 * Joins what a commit names of other branches, repositories and charts: asks for it, lays it over the commit's tree, looks
 * what that names in turn, until nothing is missing. What cannot be had is left out and said, and holds only the apps that
 * read it; refs of the repository itself stay at the commit they had. Asked again with nothing changed it gives the same object.
 */
export class SourceDesk {
  readonly #options: SourceDeskOptions;
  readonly #refs: RefDesk;
  readonly #shelf: SourceShelf;
  readonly #memo = new DocumentMemo();
  /** Laid over the next commit from the start: most often it names the same. */
  #mounts: ReadonlyMap<string, string> = new Map();
  /** What lies over the commit that was read last. */
  #laid: Composition = { mounts: new Map(), replaced: new Map() };
  #last: Composed | undefined;

  constructor(options: SourceDeskOptions) {
    this.#options = options;
    this.#refs = new RefDesk(options.repository);
    const { now = Date.now, onReady = () => undefined } = options;
    this.#shelf = new SourceShelf({ ...options, now, onReady });
  }

  /** The followed branch, and in the same exchange every ref the last commit named. */
  async fetch(known: string | undefined, signal: AbortSignal): Promise<Fetched> {
    const fetched = await this.#refs.fetch(known, signal);
    this.#shelf.nextRound();
    return fetched;
  }

  /** `inForce`: the refs' commits that are applied now. Throws what the repository throws for the commit itself. */
  async read(
    commit: string,
    inForce: Readonly<Record<string, RefRecord>>,
    signal: AbortSignal,
  ): Promise<ComposedCommit> {
    const last = this.#last;
    if (last?.snapshot.commit === commit && (await this.#isCurrent(last, inForce, signal))) return last;
    this.#last = undefined;
    try {
      const composed = await this.#compose(commit, inForce, signal);
      this.#last = composed;
      this.#shelf.keepOnly(composed.requests);
      return composed;
    } catch (error) {
      // The mirror may have been made anew: nothing that was put into it is sure to be there.
      this.#mounts = new Map();
      this.#shelf.clear();
      this.#refs.clear();
      throw error;
    }
  }

  /** What the commit that was read last uses; undefined when that is another one, or one is being read. */
  inUse(commit: string): SourcesInUse | undefined {
    if (this.#last?.snapshot.commit !== commit) return undefined;
    const keys = new Set(this.#last.requests.map(sourceKey));
    // The shelf keeps for a while what another commit asked for.
    const trees = [...this.#shelf.held].flatMap(([key, tree]) => (tree !== undefined && keys.has(key) ? [tree] : []));
    return { keys, trees };
  }

  /** The mirror dropped what was not in use: what is only remembered may be gone. */
  forget(): void {
    this.#refs.clear();
  }

  async #isCurrent(last: Composed, inForce: Readonly<Record<string, RefRecord>>, signal: AbortSignal) {
    if (mayComeLater(last.snapshot) && (await this.#again(last.snapshot.commit, signal)) !== last.snapshot)
      return false;
    if (last.requests.length === 0 && last.branches.length === 0) {
      const wanted = wantedRefsOf(last.contract);
      if (wanted.length === 0) return true;
    }
    const branches = await this.#branchesOf(last.contract, inForce, signal);
    if (branches.join("\n") !== last.branches.join("\n")) return false;
    const bringer = this.#bringer(last.pinned, inForce, signal);
    const brought = await Promise.all(last.requests.map((request) => bringer.bring(request)));
    return signatureOf(brought) === last.signature;
  }

  #bringer(locked: ReadonlyMap<string, string>, inForce: Readonly<Record<string, RefRecord>>, signal: AbortSignal) {
    const { pins } = this.#options;
    const digestOf = (key: string) => locked.get(key) ?? pins?.digestOf(key);
    return new SourceBringer({ refs: this.#refs, shelf: this.#shelf, digestOf, inForce, signal });
  }

  async #compose(commit: string, inForce: Readonly<Record<string, RefRecord>>, signal: AbortSignal): Promise<Composed> {
    const { finder, readLock } = this.#options;
    const brought = new Map<string, BroughtSource>();
    let snapshot = await this.#begin(commit, signal);
    const unread = await unreadContractFiles(snapshot, signal);
    if (unread.length > 0) {
      return {
        ...NOTHING_COMPOSED,
        snapshot,
        contract: withProblems(NO_CONTRACT, unread),
        mayPass: true,
        isBlocked: true,
      };
    }
    let contract = await readContractOf(snapshot, { branches: [], memo: this.#memo }, signal);
    const lock = (await readLock?.(snapshot, signal)) ?? { digests: new Map(), problems: [] };
    if (refusesCommit([...contract.problems, ...lock.problems])) {
      return { ...NOTHING_COMPOSED, snapshot, contract: withProblems(contract, lock.problems) };
    }
    const branches = await this.#branchesOf(contract, inForce, signal);
    const bringer = this.#bringer(lock.digests, inForce, signal);
    let requests = sourceRequestsOf(contract, branches);
    let found = NOTHING_FOUND;
    for (let round = 0; ; round += 1) {
      const isDeep = round >= MAX_ROUNDS;
      const room = isDeep ? 0 : Math.max(0, MAX_SOURCES - brought.size);
      const fresh = await Promise.all(requests.slice(0, room).map((request) => bringer.bring(request)));
      const refused = requests.slice(room).map(isDeep ? tooDeep : tooMany);
      for (const source of [...fresh, ...refused]) brought.set(mountOf(source.request), source);
      const before = snapshot;
      snapshot = await this.#lay(commit, { brought, found: NOTHING_FOUND, bringer }, signal);
      if (snapshot !== before || branches.length > 0) {
        contract = await readContractOf(snapshot, { branches, memo: this.#memo }, signal);
      }
      found = (await finder?.find(snapshot, foldersToInspect(contract), signal)) ?? NOTHING_FOUND;
      requests = [...sourceRequestsOf(contract, branches), ...found.requests].filter(
        (request, index, all) =>
          !brought.has(mountOf(request)) && all.findIndex((each) => mountOf(each) === mountOf(request)) === index,
      );
      if (requests.length === 0 || isDeep) break;
    }
    const composition = await this.#lay(commit, { brought, found, bringer }, signal);
    const sources = [...brought.values()];
    await this.#remember(sources, signal);
    return {
      snapshot: composition,
      contract: withProblems(contract, [
        ...lock.problems,
        ...troubleProblems(contract, brought),
        ...missingProblems(contract, composition),
      ]),
      refs: usedRefsOf(sources, inForce),
      isBlocked: hidesLayoutFolders(contract, composition) || sources.some((source) => hidesApps(contract, source)),
      mayPass:
        mayComeLater(composition) ||
        sources.some((source) => [source, source.error, source.trouble].some((each) => each?.mayPass === true)),
      signature: signatureOf(sources),
      requests: sources.map(({ request }) => request),
      pinned: lock.digests,
      branches,
    };
  }

  /** The same snapshot again, which asks for submodules and large files that were missing: another object when one came. */
  async #again(commit: string, signal: AbortSignal): Promise<Snapshot | undefined> {
    try {
      return await this.#options.repository.snapshot(commit, signal, this.#laid);
    } catch (error) {
      if (error instanceof MountError) return undefined;
      throw error;
    }
  }

  /** The commit, with what lay over the one before. */
  async #begin(commit: string, signal: AbortSignal): Promise<Snapshot> {
    const { repository } = this.#options;
    if (this.#mounts.size === 0) return repository.snapshot(commit, signal);
    try {
      return await repository.snapshot(commit, signal, { mounts: this.#mounts, replaced: new Map() });
    } catch (error) {
      if (!(error instanceof MountError)) throw error;
      return repository.snapshot(commit, signal);
    }
  }

  async #branchesOf(
    contract: Contract,
    inForce: Readonly<Record<string, RefRecord>>,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const wanted = wantedRefsOf(contract);
    await this.#refs.cover(wanted, signal);
    if (!wanted.some(({ all }) => all)) return [];
    const prefix = "refs/heads/";
    const known = Object.keys(inForce).filter((ref) => ref.startsWith(prefix));
    return this.#refs.branches(wanted) ?? known.map((ref) => ref.slice(prefix.length)).sort();
  }

  /** Lays over the commit what can stand there; what cannot is noted in `brought`. */
  async #lay(
    commit: string,
    parts: { brought: Map<string, BroughtSource>; found: FoundReferences; bringer: SourceBringer },
    signal: AbortSignal,
  ): Promise<Snapshot> {
    const { brought, found, bringer } = parts;
    for (;;) {
      const composition = compositionOf(brought, found);
      try {
        const snapshot = await this.#options.repository.snapshot(commit, signal, composition);
        this.#laid = composition;
        this.#mounts = new Map([...composition.mounts].filter(([folder]) => brought.has(folder)));
        return snapshot;
      } catch (error) {
        if (!(error instanceof MountError)) throw error;
        const request = found.alsoAt?.get(error.mount) ?? requestAt(`${error.mount}/`)?.request;
        const source = request === undefined ? undefined : brought.get(mountOf(request));
        if (source?.tree === undefined) throw error;
        brought.set(mountOf(source.request), await bringer.replace(source, error.error));
      }
    }
  }

  /** Before anything of it is published: another digest for the same name is refused from now on. */
  async #remember(sources: readonly BroughtSource[], signal: AbortSignal): Promise<void> {
    const digests = sources.flatMap(({ request, digest }) =>
      digest === undefined ? [] : [[sourceKey(request), digest] as const],
    );
    if (digests.length > 0) await this.#options.pins?.remember(new Map(digests), signal);
  }
}

const NO_CONTRACT: Contract = { fleet: undefined, clusterFiles: [], apps: [], problems: [] };

/** Of a commit that is refused nothing is fetched. */
const NOTHING_COMPOSED: Omit<Composed, "snapshot" | "contract"> = {
  refs: new Map(),
  mayPass: false,
  isBlocked: false,
  signature: "",
  requests: [],
  pinned: new Map(),
  branches: [],
};

function withProblems(contract: Contract, problems: readonly Problem[]): Contract {
  return problems.length === 0 ? contract : { ...contract, problems: [...contract.problems, ...problems] };
}

function tooDeep(request: SourceRequest): BroughtSource {
  const message = `${describeSource(request)} is named by a source that is named by another, and so on for ${MAX_ROUNDS} times; name it in the repository itself`;
  return { request, error: new SourceError("unsupported", message) };
}

function tooMany(request: SourceRequest): BroughtSource {
  const message = `${describeSource(request)} is not fetched: the files name more than ${MAX_SOURCES} sources in all`;
  return { request, error: new SourceError("unsupported", message) };
}
