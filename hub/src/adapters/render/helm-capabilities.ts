import type { Variant } from "@axle/core/placement/variant.ts";

/** What a chart may ask of the cluster, as helm takes it: each kind by `group/version/Kind`, and its `group/version`. */
export function helmCapabilities({ capabilities }: Pick<Variant, "capabilities">): {
  readonly kubernetesVersion: string;
  readonly apiVersions: readonly string[];
} {
  if (capabilities === undefined) return { kubernetesVersion: "", apiVersions: [] };
  const { kubernetesVersion, apiVersions } = capabilities;
  const versions = new Set(apiVersions.flatMap((version) => [version, version.slice(0, version.lastIndexOf("/"))]));
  versions.delete("");
  return { kubernetesVersion, apiVersions: [...versions].sort() };
}
