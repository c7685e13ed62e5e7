import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DocumentMemo } from "@axle/core/fleet/document-memo.ts";
import { foldersToInspect, resolveInSteps } from "@axle/core/placement/resolve.ts";
import { runInSteps } from "@axle/runtime/run-in-steps.ts";
import { fastImport } from "@axle/testkit/fast-import.ts";
import { runGit } from "@axle/testkit/run-git.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commitProblemOf } from "../../compose/open-repository.ts";
import type { Snapshot } from "../../ports.ts";
import { readContractOf } from "../../sources/read-contract-of.ts";
import { GitRepository } from "./git-repository.ts";
import { failureOf } from "./private-fleets.ts";
import type { TreeLimits } from "./tree.ts";

const never = new AbortController().signal;
const APPS = 1_000;
const FILES_PER_APP = 100;
const AXLE = `apiVersion: axle.dev/v1
kind: Fleet
metadata: { name: many }
spec:
  layout:
    - path: apps/{app}/overlays/{env}
      clusters: { matchLabels: { env: "{env}" } }
`;

function* manyFiles(): Generator<readonly [string, string]> {
  yield ["axle.yaml", AXLE];
  for (let app = 0; app < APPS; app += 1) {
    for (let file = 0; file < FILES_PER_APP; file += 1) yield manifest(app, file, "1");
  }
}

function manifest(app: number, file: number, value: string): readonly [string, string] {
  const env = file % 2 === 0 ? "dev" : "prod";
  // The same in each app, for what takes git long is to store contents that differ.
  const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: file-${file} }\ndata: { value: "${value}" }\n`;
  return [`apps/app-${app}/overlays/${env}/file-${file}.yaml`, text];
}

/** What the hub makes of the files alone: apps with their placements. */
async function resolveApps(snapshot: Snapshot, memo: DocumentMemo): Promise<number> {
  const contract = await readContractOf(snapshot, { branches: [], memo }, never);
  expect(contract.problems).toEqual([]);
  const sources = new Map(
    foldersToInspect(contract).map((folder) => [folder, { type: "raw", asksCapabilities: false } as const]),
  );
  const clusters = ["dev", "prod"].map((env) => ({
    id: env,
    name: env,
    labels: { env },
    values: {},
    facts: { kubernetesVersion: "", provider: "", nodes: 1, apiVersions: [] },
  }));
  const resolution = await runInSteps(resolveInSteps({ contract, clusters, sources }), never);
  return [...resolution.apps.values()].filter(({ variants }) => variants.size === 2).length;
}

let scratch: TemporaryDirectory;
let origin: string;
let first: string;

beforeAll(async () => {
  scratch = await createTemporaryDirectory("many-files");
  origin = join(scratch.path, "origin.git");
  await runGit(scratch.path, ["init", "--quiet", "--bare", "--initial-branch=main", origin]);
  first = await fastImport(origin, manyFiles());
}, 60_000);

afterAll(() => scratch[Symbol.asyncDispose]());

function follow(name: string, limits: Partial<TreeLimits> = {}): GitRepository {
  return new GitRepository({ url: origin, directory: join(scratch.path, name), environment: process.env, limits });
}

test("100,000 small files resolve within the default limits, and a change of one costs that one", async () => {
  await using repository = follow("data");
  await repository.fetch(undefined, never);
  const before = process.memoryUsage().rss;
  const memo = new DocumentMemo();
  const snapshot = await repository.snapshot(first, never);
  expect(snapshot.files.size).toBe(APPS * FILES_PER_APP + 1);
  expect(await resolveApps(snapshot, memo)).toBe(APPS);

  const second = await fastImport(origin, [manifest(7, 7, "2")], first);
  await repository.fetch(first, never);
  const startedMs = performance.now();
  const next = await repository.snapshot(second, never);
  const changedMs = performance.now() - startedMs;
  expect(await resolveApps(next, memo)).toBe(APPS);
  const [changed] = manifest(7, 7, "2");
  const differing = [...next.files].filter(([path, file]) => snapshot.files.get(path) !== file);
  expect(differing.map(([path]) => path)).toEqual([changed]);
  expect(await readFile(join(next.root, changed), "utf8")).toContain('value: "2"');
  // Far above what is measured, and far below what reading everything again takes.
  expect(changedMs).toBeLessThan(2_000);
  expect((process.memoryUsage().rss - before) / 1024 ** 2).toBeLessThan(800);
}, 120_000);

test.each([
  [
    { entries: 100_000 },
    "the commit holds more than 100000 files and folders; split the repository, or raise the hub's limit (--max-repository-files)",
  ],
  [
    { totalBytes: 4 * 1024 ** 2 },
    /^the commit's files take \d+ MiB checked out, the limit is 4 MiB; .* raise the hub's limit \(--max-repository\)$/,
  ],
])(
  "%j: such a repository is refused before anything is written, with what to do",
  async (limits, message) => {
    const name = `limited-${Object.keys(limits).join("-")}`;
    await using repository = follow(name, limits);
    await repository.fetch(undefined, never);
    const failure = await failureOf(repository.snapshot(first, never));
    expect(failure).toMatchObject({ code: "too-large" });
    expect((failure as Error).message).toMatch(message);
    expect(commitProblemOf(failure)).toMatchObject({ severity: "error", code: "too-large" });
    await expect(lstat(join(scratch.path, name, "tree"))).rejects.toThrow();
  },
  60_000,
);
