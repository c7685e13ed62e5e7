import { z } from "zod";
import { SourceError } from "../../sources/source-error.ts";

const CHART_CONFIG = "application/vnd.cncf.helm.config.v1+json";
/** The second is what Helm before 3.7 pushed. */
const CHART_LAYERS = new Set(["application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"]);

export const MANIFEST_TYPES = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
] as const;

/** Where the package is in the registry. */
export interface ChartLayer {
  /** `sha256:<hex>` */
  readonly digest: string;
  readonly bytes: number;
}

const descriptor = z.looseObject({ mediaType: z.string(), digest: z.string(), size: z.int().nonnegative() });
const shape = z.looseObject({ config: descriptor, layers: z.array(descriptor) });

/** The chart in a manifest; its provenance file is left where it is. Throws SourceError `unsupported` or `unsafe`. */
export function readChartManifest(body: Buffer): ChartLayer {
  const manifest = shape.safeParse(parseJson(body));
  if (!manifest.success) throw new SourceError("unsupported", "what the registry has there is no manifest of a chart");
  const { config, layers } = manifest.data;
  if (config.mediaType !== CHART_CONFIG) {
    throw new SourceError(
      "unsupported",
      `what the registry has there is no Helm chart: its type is ${config.mediaType}`,
    );
  }
  const [layer, ...others] = layers.filter(({ mediaType }) => CHART_LAYERS.has(mediaType));
  if (layer === undefined || others.length > 0) {
    throw new SourceError(
      "unsupported",
      `a chart in a registry has one package, this one has ${others.length === 0 ? "none" : others.length + 1}`,
    );
  }
  if (!/^sha256:[0-9a-f]{64}$/.test(layer.digest)) {
    throw new SourceError("unsupported", `the package is named by ${layer.digest}; only SHA-256 digests are read`);
  }
  return { digest: layer.digest, bytes: layer.size };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw new SourceError("unsafe", "the registry's manifest is no JSON", { cause });
  }
}
