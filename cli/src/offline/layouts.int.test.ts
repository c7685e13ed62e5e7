import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { formatProblem } from "@axle/core/fleet/problem.ts";
import { idOf } from "@axle/core/manifest/object.ts";
import { describeFolder } from "@axle/core/fleet/source-request.ts";
import { clusterObjects } from "./cluster-objects.ts";
import { openCheckout } from "./checkout.ts";
import { openFixture } from "./fixture-checkout.test-support.ts";
import { renderCheckout } from "./render-checkout.ts";

const LAYOUTS = join(import.meta.dirname, "../../../e2e/fixtures/layouts");

/** What expected.yaml of a fixture says. */
interface Expected {
  /** As a person reads them; left out when there are none. */
  readonly problems?: readonly string[];
  readonly apps: Readonly<Record<string, { readonly labels: Readonly<Record<string, string>> }>>;
  readonly clusters: Readonly<Record<string, Readonly<Record<string, ExpectedApp>>>>;
}

interface ExpectedApp {
  readonly source: string;
  readonly namespace?: string;
  readonly objects: readonly string[];
}

/** The fixture as it is resolved and rendered, in the shape of its expected.yaml. */
async function resultOf(folder: string): Promise<Expected> {
  const signal = AbortSignal.timeout(60_000);
  await using fixture = await openFixture(folder);
  await using checkout = await openCheckout(fixture.path, { env: process.env, signal, nowMs: () => 0 });
  const rendering = await renderCheckout(checkout, signal);
  const clusters = checkout.clusters.map(({ id, name }) => {
    const apps = clusterObjects(checkout, rendering, id).map(({ app, objects }): [string, ExpectedApp] => {
      const resolved = checkout.resolution.apps.get(app);
      const variant = resolved?.variants.get(resolved.targets.get(id)?.variant ?? "");
      const namespace = variant?.namespace;
      const path = variant?.path ?? "";
      const common = { source: path === "" ? "" : describeFolder(path), objects: objects.map(idOf) };
      return [app, namespace === undefined ? common : { ...common, namespace }];
    });
    return [name, Object.fromEntries(apps)] as const;
  });
  const apps = checkout.contract.apps.map(({ name, labels }) => [name, { labels }] as const);
  return {
    ...(rendering.problems.length > 0 && { problems: rendering.problems.map(formatProblem) }),
    apps: Object.fromEntries(apps),
    clusters: Object.fromEntries(clusters),
  };
}

describe("a repository laid out as teams do", () => {
  it.each(readdirSync(LAYOUTS))("%s gives every cluster what its expected.yaml says", async (layout) => {
    const folder = join(LAYOUTS, layout);
    expect(await resultOf(folder)).toEqual(parse(readFileSync(join(folder, "expected.yaml"), "utf8")));
  });
});
