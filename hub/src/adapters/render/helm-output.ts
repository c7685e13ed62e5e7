import type { SnapshotIndex } from "./snapshot-index.ts";
import { CHART_FILE, joinPath } from "./snapshot-index.ts";

export interface HelmChunk {
  /** Path in the repository of the template it came from, as far as helm tells. */
  readonly file: string;
  readonly text: string;
}

/** Splits what `helm template` prints by its `# Source:` comments. */
export function splitHelmOutput(output: string, folder: string, index: SnapshotIndex): readonly HelmChunk[] {
  const chunks: { file: string; lines: string[] }[] = [];
  const lines = output.split("\n");
  let current = { file: joinPath(folder, CHART_FILE), lines: [] as string[] };
  for (const [number, line] of lines.entries()) {
    const source = line === "---" ? /^# Source: (.+)$/.exec(lines[number + 1] ?? "")?.[1] : undefined;
    if (source !== undefined) {
      if (current.lines.length > 0) chunks.push(current);
      current = { file: templatePath(source, folder, index), lines: [] };
    }
    current.lines.push(line);
  }
  chunks.push(current);
  return chunks.map(({ file, lines: text }) => ({ file, text: text.join("\n") }));
}

/** Helm writes `<chart>/templates/x.yaml`; the file of a chart that is packed in an archive is not in the repository. */
export function templatePath(source: string, folder: string, index: SnapshotIndex): string {
  const path = joinPath(folder, source.slice(source.indexOf("/") + 1));
  return index.find(path).type === "file" ? path : joinPath(folder, CHART_FILE);
}
