import type { CliContext } from "../context.ts";
import { connectToHub } from "../options/hub-option.ts";
import type { HubOption } from "../options/hub-option.ts";
import { openCheckout } from "./checkout.ts";
import type { Checkout } from "./checkout.ts";
import { folderOf } from "./folder-argument.ts";

/**
 * A checkout to reason about: with a folder, the clusters its own files declare; without one, the folder the user stands
 * in and the clusters the hub knows (`--hub` asks the hub with a folder, too).
 */
export async function openFleetCheckout(
  dir: string | undefined,
  options: HubOption,
  context: CliContext,
): Promise<Checkout> {
  const folder = folderOf(dir, context);
  if (dir !== undefined && options.hub === undefined) return await openCheckout(folder, context);
  using client = await connectToHub(options, context);
  const clusters = await client.listClusters("");
  const registered = clusters.filter(({ state }) => state !== "pending" && state !== "revoked");
  return await openCheckout(folder, context, { registered });
}
