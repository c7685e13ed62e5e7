import { isAlias, isMap, isScalar, isSeq, parseAllDocuments } from "yaml";
import type { Alias, Node, Scalar } from "yaml";

export interface ScalarEdit {
  /** Keys and positions from the root of the first document with content. */
  readonly path: readonly PropertyKey[];
  readonly value: string;
}

/**
 * Puts other texts where scalars stand in a YAML text and leaves every other character as it is, so that lines keep their
 * numbers and what is not ours to read keeps its meaning. Undefined when one of them is no scalar written at its path
 * (it came by an alias of something larger, or a merge).
 */
export function replaceScalars(text: string, edits: readonly ScalarEdit[]): string | undefined {
  if (edits.length === 0) return text;
  const documents = parseAllDocuments(text, { version: "1.1", schema: "failsafe", uniqueKeys: false });
  const document = Array.isArray(documents)
    ? documents.find(({ contents }) => hasContent(contents as Node | null))
    : undefined;
  if (document === undefined) return undefined;
  const cuts: { readonly from: number; readonly to: number; readonly text: string }[] = [];
  for (const { path, value } of edits) {
    const node = scalarAt(document.contents as Node | null, path);
    if (node?.range === undefined || node.range === null) return undefined;
    const isBlock = isScalar(node) && node.type?.startsWith("BLOCK") === true;
    cuts.push({ from: node.range[0], to: node.range[1], text: `${JSON.stringify(value)}${isBlock ? "\n" : ""}` });
  }
  let result = text;
  for (const cut of cuts.toSorted((a, b) => b.from - a.from)) {
    result = `${result.slice(0, cut.from)}${cut.text}${result.slice(cut.to)}`;
  }
  return result;
}

function hasContent(root: Node | null): boolean {
  return root !== null && !(isScalar(root) && root.source === "");
}

function scalarAt(root: Node | null, path: readonly PropertyKey[]): Scalar | Alias | undefined {
  let node: unknown = root;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      node = pair?.value;
    } else if (isSeq(node)) node = node.items[Number(step)];
    else return undefined;
  }
  return isScalar(node) || isAlias(node) ? node : undefined;
}
