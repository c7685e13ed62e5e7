import type { ChartUse } from "./kustomization-references.ts";

/** For single files from elsewhere: in a kustomization's own folder, for kustomize reads no file outside it. */
export const FILES_FOLDER = ".axle-files";

/** The folder kustomize looks for a chart in before it downloads one. */
export function homeOf({ home, name, version, repository }: ChartUse): string {
  return version !== "" && repository !== "" ? `${home}/${name}-${version}/${name}` : `${home}/${name}`;
}
