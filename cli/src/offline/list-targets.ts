import { matchCluster } from "@axle/core/fleet/match-selector.ts";
import { LabelSelectorError, parseLabelSelector } from "@axle/core/fleet/parse-label-selector.ts";
import type { ClusterSelector } from "@axle/core/fleet/selector.ts";
import { describeFolder } from "@axle/core/fleet/source-request.ts";
import { CliError } from "../cli-error.ts";
import type { TargetView } from "../client/fleet-types.ts";
import type { CliContext } from "../context.ts";
import { paint } from "../output/colour.ts";
import { openCheckout } from "./checkout.ts";
import { refuseUnreadable } from "./refuse-checkout.ts";
import { requireApp, unknownCluster } from "./what-if.ts";

/**
 * What the hub's `ListTargets` answers, from a checkout and the clusters its files declare; apps that are held are told
 * beside it. Throws CliError "usage", "not-found" and "bad-input".
 */
export async function listTargets(
  folder: string,
  query: { readonly selector?: string; readonly app?: string; readonly cluster?: string },
  context: CliContext,
): Promise<readonly TargetView[]> {
  const selector = readSelector(query.selector ?? "");
  await using checkout = await openCheckout(folder, context);
  refuseUnreadable(checkout);
  const { apps, broken } = checkout.resolution;
  if (query.app !== undefined) requireApp(query.app, checkout);
  const names = checkout.clusters.map(({ name }) => name);
  if (query.cluster !== undefined && !names.includes(query.cluster)) throw unknownCluster(query.cluster, names);
  for (const [name, { reason }] of broken) {
    if (query.app !== undefined && name !== query.app) continue;
    context.err.write(`${paint("error:", "red", context.err.colour)} the app ${name} is held: ${reason}\n`);
  }
  return checkout.clusters
    .filter((cluster) => matchCluster(selector, cluster) !== undefined)
    .map((cluster) => ({ cluster: cluster.name, labels: cluster.labels, apps: appsOf(cluster.id) }))
    .filter((target) => query.app === undefined || target.apps.length > 0);

  function appsOf(clusterId: string): TargetView["apps"] {
    return [...apps].flatMap(([app, { targets, variants }]) => {
      const target = targets.get(clusterId);
      if (target === undefined || (query.app !== undefined && app !== query.app)) return [];
      const { file, line } = target.placedBy;
      const because = `${target.because} (${line > 0 ? `${file}:${line}` : file})`;
      const path = variants.get(target.variant)?.path ?? "";
      return [{ app, because, source: path === "" ? "" : describeFolder(path) }];
    });
  }
}

/** Throws CliError "usage". */
export function readSelector(text: string): ClusterSelector {
  try {
    return parseLabelSelector(text);
  } catch (error) {
    if (!(error instanceof LabelSelectorError)) throw error;
    throw new CliError("usage", error.message, { cause: error });
  }
}
