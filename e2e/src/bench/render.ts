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

export const render: Benchmark = {
  name: "render",
  about: `${RUNS} renders of the sample repository's apps: the program by itself, and our whole render around it`,
  async run(progress) {
    const home = await mkdtemp(join(tmpdir(), "axle-bench-"));
    try {
      const { signal } = new AbortController();
      await using checkout = await openCheckout(sample, { env: process.env, signal, nowMs: () => Date.now() });
      const kustomize = (await findTool("kustomize")).path;
      const helm = (await findTool("helm")).path;
      const inSample = { cwd: sample, env: { HOME: home, PATH: "" } };
      const figures: Figure[] = [];
      const add = async (label: string, work: () => Promise<unknown>): Promise<void> => {
        progress(label);
        figures.push(summarise(label, "ms", await measure(work)));
      };
      await add("kustomize build alone", () => runProgram(kustomize, ["build", "apps/shop/overlays/prod"], inSample));
      await add("kustomize app, whole render", renders(checkout, "shop", signal));
      await add("helm template alone", () => runProgram(helm, ["template", "mailer", "apps/mailer/chart"], inSample));
      await add("Helm app, whole render", renders(checkout, "mailer", signal));
      await add("plain manifests, whole render", renders(checkout, "banner", signal));
      return figures;
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  },
};

/** One variant of the app, rendered as the hub does when its memo does not know it. */
function renders(checkout: Checkout, app: string, signal: AbortSignal): () => Promise<unknown> {
  const [variant]: readonly (Variant | undefined)[] = [...(checkout.resolution.apps.get(app)?.variants.values() ?? [])];
  if (variant === undefined) throw new Error(`the sample has no app ${app}`);
  return () => checkout.renderer.render(checkout.tree, variant, signal);
}

async function measure(work: () => Promise<unknown>): Promise<number[]> {
  await work();
  const samples: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const startedMs = performance.now();
    await work();
    samples.push(performance.now() - startedMs);
  }
  return samples;
}
