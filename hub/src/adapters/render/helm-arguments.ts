import type { Variant } from "@axle/core/placement/variant.ts";
import { helmCapabilities } from "./helm-capabilities.ts";

/** Paths relative to where helm runs, or `-`: the last one wins. */
export function valuesArguments(files: readonly string[]): readonly string[] {
  return files.flatMap((file) => ["--values", csv(file)]);
}

export function capabilityArguments(variant: Pick<Variant, "capabilities">): readonly string[] {
  const { kubernetesVersion, apiVersions } = helmCapabilities(variant);
  const args = kubernetesVersion === "" ? [] : ["--kube-version", kubernetesVersion];
  return apiVersions.length === 0 ? args : [...args, "--api-versions", apiVersions.map(csv).join(",")];
}

/** Helm reads these arguments as CSV. */
function csv(value: string): string {
  return /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
