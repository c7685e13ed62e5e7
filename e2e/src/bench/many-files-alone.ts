/** `many-files-alone.ts`: the hub's reading of a commit of 100,000 small files by itself, as `many-files` measures it; prints JSON. */
import { join } from "node:path";
import { env, resourceUsage } from "node:process";
import { GitRepository } from "@axle/hub/adapters/git/git-repository.ts";
import { fastImport } from "@axle/testkit/fast-import.ts";
import { runGit } from "@axle/testkit/run-git.ts";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import type { ManyFilesTimes } from "./many-files.ts";

const ROUNDS = 5;
const { signal } = new AbortController();

function* manyFiles(): Generator<readonly [string, string]> {
  for (let app = 0; app < 1_000; app += 1) {
    for (let file = 0; file < 100; file += 1) yield manifest(app, file, "1");
  }
}

function manifest(app: number, file: number, value: string): readonly [string, string] {
  const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: file-${file} }\ndata: { value: "${value}" }\n`;
  return [`apps/app-${app}/overlays/prod/file-${file}.yaml`, text];
}

await using scratch = await createTemporaryDirectory("many-files");
const origin = join(scratch.path, "origin.git");
await runGit(scratch.path, ["init", "--quiet", "--bare", "--initial-branch=main", origin]);
let commit = await fastImport(origin, manyFiles());
await using repository = new GitRepository({ url: origin, directory: join(scratch.path, "data"), environment: env });

async function read(): Promise<number> {
  const startedMs = performance.now();
  await repository.fetch(undefined, signal);
  await repository.snapshot(commit, signal);
  return performance.now() - startedMs;
}

const fromNothing = await read();
const oneChange: number[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  commit = await fastImport(origin, [manifest(round, 0, "2")], commit);
  oneChange.push(await read());
}
const times: ManyFilesTimes = { fromNothing, oneChange, peakMegabytes: resourceUsage().maxRSS / 1024 };
console.log(JSON.stringify(times));
