import type { Problem } from "@axle/core/fleet/problem.ts";
import { describeSource, sourceKey } from "@axle/core/fleet/source-request.ts";
import type { RefSource, SourceRequest } from "@axle/core/fleet/source-request.ts";
import type { RefRecord } from "../ports.ts";
import { stay } from "./ref-desk.ts";
import type { RefDesk } from "./ref-desk.ts";
import { SourceError } from "./source-error.ts";
import type { SourceShelf } from "./source-shelf.ts";

/** What became of a request: a tree, or why there is none. */
export interface BroughtSource {
  readonly request: SourceRequest;
  readonly tree?: string;
  /** To be remembered. */
  readonly digest?: string;
  readonly used?: UsedRef;
  readonly error?: SourceError;
  /** It could not be asked for again; `tree` is what it was. */
  readonly trouble?: SourceError;
  /** What `tree` stands in for may be had next time, though nothing changes. */
  readonly mayPass?: boolean;
}

/** A ref of the repository, and the commit that was taken for it. */
export interface UsedRef {
  /** As written. */
  readonly ref: string;
  readonly head: string;
  readonly accepted: string;
  readonly subject: string;
  /** Why `accepted` is not the head. */
  readonly held?: Problem;
}

export interface SourceBringerOptions {
  readonly refs: RefDesk;
  readonly shelf: SourceShelf;
  readonly digestOf: (key: string) => string | undefined;
  readonly inForce: Readonly<Record<string, RefRecord>>;
  readonly signal: AbortSignal;
}

/** Brings sources of every type for one reading of a commit. Never throws a SourceError: it is part of the answer. */
export class SourceBringer {
  readonly #options: SourceBringerOptions;

  constructor(options: SourceBringerOptions) {
    this.#options = options;
  }

  async bring(request: SourceRequest): Promise<BroughtSource> {
    try {
      return request.type === "ref" ? await this.#takeRef(request) : await this.#fetch(request);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      return { request, error };
    }
  }

  /** What stands in for a source whose files cannot be had, or not stand in a snapshot: for a ref, the commit in force. */
  async replace({ request, used }: BroughtSource, error: SourceError): Promise<BroughtSource> {
    const inForce = used === undefined ? undefined : this.#options.inForce[used.ref];
    if (used === undefined || inForce === undefined || inForce.accepted === used.accepted) {
      return { request, error: new SourceError(error.code, `${describeSource(request)}: ${error.message}`) };
    }
    const { refs, signal } = this.#options;
    const { held } = stay(inForce, used.head, `${describeSource(request)} cannot be used: ${error.message}`);
    const { ref, head } = used;
    const kept = { ref, head, accepted: inForce.accepted, ...(held !== undefined && { held }) };
    try {
      const { tree, subject } = await refs.commitOf(inForce.accepted, signal);
      return { request, tree, used: { ...kept, subject }, ...(error.mayPass && { mayPass: true }) };
    } catch (cause) {
      if (!(cause instanceof SourceError)) throw cause;
      return { request, error: cause, used: { ...kept, subject: "" } };
    }
  }

  async #takeRef(request: RefSource): Promise<BroughtSource> {
    const { refs, inForce, digestOf, signal } = this.#options;
    const { ref } = request;
    const locked = /^git:(.+)$/.exec(digestOf(sourceKey(request)) ?? "")?.[1];
    const chosen =
      locked === undefined
        ? await refs.choose(ref, inForce[ref], signal)
        : { head: locked, commit: locked, held: undefined };
    const { head, commit, held } = chosen;
    const used = { ref, head, accepted: commit, ...(held !== undefined && { held }) };
    try {
      const { tree, subject } = await refs.commitOf(commit, signal);
      return { request, tree, used: { ...used, subject } };
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      const source = { request, used: { ...used, subject: "" } };
      // Of one that is held, a person may still say yes to the head.
      return held === undefined ? this.replace(source, error) : { ...source, error };
    }
  }

  async #fetch(request: SourceRequest): Promise<BroughtSource> {
    const { shelf, digestOf, signal } = this.#options;
    const pinned = digestOf(sourceKey(request));
    const { tree, digest, moves, trouble } = await shelf.bring(request, pinned, signal);
    return {
      request,
      tree,
      ...(moves !== true && { digest }),
      ...(trouble !== undefined && { trouble }),
    };
  }
}
