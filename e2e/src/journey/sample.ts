import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FleetStand } from "../fleet-stand.ts";

/** What the sample repository says of each cluster. */
export const ENVIRONMENTS = [
  { name: "dev", shopReplicas: 1, mailerReplicas: 1, domain: "dev.example.com" },
  { name: "staging", shopReplicas: 2, mailerReplicas: 1, domain: "staging.example.com" },
  { name: "prod", shopReplicas: 3, mailerReplicas: 2, domain: "example.com" },
] as const;

export const SETTINGS_FILE = "apps/shop/base/settings.yaml";

/** Edits a file of the checkout; throws when the text to replace is not there, for a step must change something. */
export async function editFile(fleet: FleetStand, path: string, edit: { from: string; to: string }): Promise<void> {
  const before = await readFile(join(fleet.checkout.directory, path), "utf8");
  if (!before.includes(edit.from)) throw new Error(`${path} does not hold "${edit.from}"`);
  await fleet.checkout.write({ [path]: before.replace(edit.from, edit.to) });
}
