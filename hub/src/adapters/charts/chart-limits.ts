/** What is read of a chart repository or a web server at most. Sizes in bytes. */
export interface ChartLimits {
  /** An `index.yaml`, unpacked. Those of the largest public repositories have about 30 MB. */
  readonly indexBytes: number;
  /** Manifests of a registry and answers of its token server. */
  readonly documentBytes: number;
  /** The packaged chart. */
  readonly packageBytes: number;
  readonly unpackedBytes: number;
  /** One file of it: what Helm takes. */
  readonly fileBytes: number;
  readonly files: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_CHART_LIMITS: ChartLimits = {
  indexBytes: 50 * MIB,
  documentBytes: 4 * MIB,
  packageBytes: 20 * MIB,
  unpackedBytes: 64 * MIB,
  fileBytes: 5 * MIB,
  files: 10_000,
};
