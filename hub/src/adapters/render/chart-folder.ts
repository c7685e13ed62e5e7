import { readDependencies, type ChartDependency } from "./chart-dependencies.ts";
import { CHART_FILE, joinPath, type SnapshotIndex } from "./snapshot-index.ts";

/** What the chart in a folder depends on. */
export async function dependenciesOf(
  index: SnapshotIndex,
  folder: string,
  signal: AbortSignal,
): Promise<readonly ChartDependency[]> {
  const read = async (...names: readonly string[]): Promise<string | undefined> => {
    const path = names.map((name) => joinPath(folder, name)).find((each) => index.find(each).type === "file");
    if (path === undefined) return undefined;
    try {
      return (await index.snapshot.readTexts([path], signal)).get(path);
    } catch {
      // Not text: helm says so.
      signal.throwIfAborted();
      return undefined;
    }
  };
  return readDependencies({
    chart: (await read(CHART_FILE)) ?? "",
    requirements: await read("requirements.yaml"),
    lock: await read("Chart.lock", "requirements.lock"),
  });
}

/** What stands under charts/, as helm sees it: the path by the chart's name, as far as the name of folder or archive tells. */
export function vendoredCharts(index: SnapshotIndex, folder: string): ReadonlyMap<string, string> {
  const home = index.find(joinPath(folder, "charts")).path;
  const { files, folders } = index.childrenOf(home);
  const found = new Map<string, string>();
  for (const path of [...folders, ...files]) {
    const name = path.slice(home.length + 1);
    const archived = /^(.+?)-v?\d+\.\d+.*\.tgz$/.exec(name)?.[1];
    const target = index.find(path);
    if (archived !== undefined && target.type === "file") found.set(archived, path);
    if (target.type !== "folder" || !index.hasChart(target.path)) continue;
    found.set(name, path);
    // Two versions of one chart stand beside each other.
    const versioned = /^(.+?)-v?\d+\.\d+\.\d+/.exec(name)?.[1];
    if (versioned !== undefined) found.set(versioned, path);
  }
  return found;
}
