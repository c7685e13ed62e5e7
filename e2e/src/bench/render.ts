import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openCheckout } from "@axle/cli/offline/checkout.ts";
import type { Checkout } from "@axle/cli/offline/checkout.ts";
import type { Variant } from "@axle/core/placement/variant.ts";
import { findTool } from "@axle/tools/locate-tool.ts";
import { summarise } from "./benchmark.ts";
import type { Benchmark, Figure } from "./benchmark.ts";

const runProgram = promisify(execFile);
const RUNS = 20;
const sample = fileURLToPath(new URL("../../fixtures/sample-repo", import.meta.url));

/** What the sandbox sets for every renderer: part of the answer to why our render is faster than the program alone. */
const AS_WE_RUN_IT = { GOGC: "1000", GOMEMLIMIT: "512MiB" };

export const render: Benchmark = {
  name: "render",
  about: `${RUNS} renders of the sample repository's apps, in turns: the program by itself on the same folder, as it comes and with its garbage collector set as we set it, and our whole render around it`,
  async run(progress) {
    const home = await mkdtemp(join(tmpdir(), "axle-bench-"));
    try {
      const { signal } = new AbortController();
      await using checkout = await openCheckout(sample, { env: process.env, signal, nowMs: () => Date.now() });
      const kustomize = (await findTool("kustomize")).path;
      const helm = (await findTool("helm")).path;
      const plain = { HOME: home, PATH: "" };
      const tuned = { ...plain, ...AS_WE_RUN_IT };
      const shop = variantOf(checkout, "shop");
      const mailer = variantOf(checkout, "mailer");
      const banner = variantOf(checkout, "banner");
      const build = (env: Readonly<Record<string, string>>) => () =>
        runProgram(kustomize, ["build", "."], { cwd: join(sample, shop.path), env });
      const template = (env: Readonly<Record<string, string>>) => () =>
        runProgram(helm, ["template", "mailer", mailer.path], { cwd: sample, env });
      const ours = (variant: Variant) => () => checkout.renderer.render(checkout.tree, variant, signal);
      return await measureInTurns(
        {
          "kustomize build alone": build(plain),
          "kustomize build alone, collector as ours": build(tuned),
          "kustomize app, whole render": ours(shop),
          "helm template alone": template(plain),
          "helm template alone, collector as ours": template(tuned),
          "Helm app, whole render": ours(mailer),
          "plain manifests, whole render": ours(banner),
        },
        progress,
      );
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  },
};

/** The first variant of an app: the same folder is given to the program alone. */
function variantOf(checkout: Checkout, app: string): Variant {
  const [variant]: readonly (Variant | undefined)[] = [...(checkout.resolution.apps.get(app)?.variants.values() ?? [])];
  if (variant === undefined) throw new Error(`the sample has no app ${app}`);
  return variant;
}

/** One of each, again and again: whatever else the machine does then slows all of them alike. */
async function measureInTurns(
  works: Readonly<Record<string, () => Promise<unknown>>>,
  progress: (label: string) => void,
): Promise<readonly Figure[]> {
  const samples = new Map<string, number[]>(Object.keys(works).map((label) => [label, []]));
  for (let run = 0; run <= RUNS; run += 1) {
    progress(`round ${run} of ${RUNS}`);
    for (const [label, work] of Object.entries(works)) {
      const startedMs = performance.now();
      await work();
      // The first round warms up.
      if (run > 0) samples.get(label)?.push(performance.now() - startedMs);
    }
  }
  return [...samples].map(([label, times]) => summarise(label, "ms", times));
}
