import { mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { env } from "node:process";
import type { Variant } from "@axle/core/placement/variant.ts";
import { Checkout, type FileChanges } from "@axle/testkit/checkout.ts";
import { runGit } from "@axle/testkit/run-git.ts";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { findTool } from "@axle/tools/locate-tool.ts";
import type { Snapshot } from "../../ports.ts";
import type { Composition } from "../../source-ports.ts";
import { GitRepository } from "../git/git-repository.ts";
import { composeSources, type Elsewhere } from "./compose-sources.ts";
import { ProcessRenderer } from "./process-renderer.ts";
import { Sandbox, type SandboxOptions } from "./sandbox.ts";

/** For tests: a repository that files are written into, and a renderer over the snapshots of it. */
export interface RepositoryFixture extends AsyncDisposable {
  readonly renderer: ProcessRenderer;
  readonly sandbox: Sandbox;
  readonly signal: AbortSignal;
  readonly path: string;
  /** The working copy that {@link commit} commits. */
  readonly work: string;
  /** Writes files (null removes), commits, and gives the snapshot. */
  commit(changes: FileChanges): Promise<Snapshot>;
  /** As {@link commit}, with sources outside the commit, as far as these folders name them. */
  compose(
    changes: FileChanges,
    elsewhere: Elsewhere,
    folders: readonly string[],
  ): Promise<{ readonly snapshot: Snapshot; readonly requests: readonly string[] }>;
  /** As {@link commit}, with links: target by path. */
  commitLinks(links: Readonly<Record<string, string>>): Promise<Snapshot>;
}

export async function createRepositoryFixture(limits: Partial<SandboxOptions> = {}): Promise<RepositoryFixture> {
  const scratch = await createTemporaryDirectory("render");
  const signal = new AbortController().signal;
  const origin = join(scratch.path, "origin.git");
  await runGit(scratch.path, ["init", "--quiet", "--bare", "--initial-branch=main", origin]);
  const work = await Checkout.clone(origin, join(scratch.path, "work"));
  const [kustomize, helm] = await Promise.all([findTool("kustomize"), findTool("helm")]);
  const sandbox = new Sandbox({ directory: join(scratch.path, "render"), ...limits });
  const renderer = new ProcessRenderer({ kustomize: kustomize.path, helm: helm.path, sandbox });
  const repository = new GitRepository({
    url: origin,
    directory: join(scratch.path, "git"),
    environment: env,
    checkoutDirectory: join(scratch.path, "render"),
  });
  const publish = async (): Promise<Snapshot> => {
    await work.commit("next");
    await work.push();
    const { head } = await repository.fetch(undefined, signal);
    return repository.snapshot(head, signal);
  };
  return {
    renderer,
    sandbox,
    signal,
    path: scratch.path,
    work: work.directory,
    commit: async (changes) => {
      await work.write(changes);
      return publish();
    },
    compose: async (changes, elsewhere, folders) => {
      await work.write(changes);
      const { commit } = await publish();
      const snapshot = (composition: Composition) => repository.snapshot(commit, signal, composition);
      return composeSources({ elsewhere, trees: repository.trees, snapshot, signal }, folders);
    },
    commitLinks: async (links) => {
      for (const [path, target] of Object.entries(links)) {
        await mkdir(dirname(join(work.directory, path)), { recursive: true });
        await symlink(target, join(work.directory, path));
      }
      return publish();
    },
    [Symbol.asyncDispose]: async () => {
      await repository[Symbol.asyncDispose]();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

/** A variant with nothing special about it. */
export function variantOf(path: string, more: Partial<Variant> = {}): Variant {
  return { app: "web", path, values: [], patches: [], ...more };
}

/** A ConfigMap as text. */
export function configMap(
  name: string,
  data: Readonly<Record<string, string>> = {},
  namespace: string | null = "web",
): string {
  const metadata = namespace === null ? { name } : { name, namespace };
  return `${JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata, data })}\n`;
}
