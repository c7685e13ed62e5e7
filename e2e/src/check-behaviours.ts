/** Holds the tests that docs/reference/behaviour.md names against the tests there are: each file, and each title in it. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const PAGE = "docs/reference/behaviour.md";
/** `path`: title, several of them separated by <br>. */
const PROOF = /^`([^`]+\.test\.ts)`: (.+)$/;
const COLUMNS = 5;

const page = await readFile(`${root}/${PAGE}`, "utf8");
const faults: string[] = [];
let rows = 0;
for (const [index, line] of page.split("\n").entries()) {
  const cells = line.startsWith("| ") ? line.split(" | ") : [];
  if (cells.length === 0 || line.startsWith("| behaviour")) continue;
  rows += 1;
  const report = (what: string) => faults.push(`${PAGE}:${index + 1}: ${what}`);
  if (cells.length !== COLUMNS) report(`${cells.length} columns, expected ${COLUMNS}`);
  for (const text of (cells.at(-1) ?? "").replace(/ \|$/, "").split("<br>")) {
    const [, path = "", title = ""] = PROOF.exec(text.trim()) ?? [];
    if (path === "") report(`"${text.trim()}" names no test; write \`path\`: title`);
    else if (!(await holdsTitle(path, title))) report(`${path} has no test "${title}"`);
  }
}
if (rows === 0) faults.push(`${PAGE}: holds no rows`);
if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exitCode = 1;
}

async function holdsTitle(path: string, title: string): Promise<boolean> {
  const source = await readFile(`${root}/${path}`, "utf8").catch(() => "");
  return ['"', "'", "`"].some((quote) => source.includes(quote + title + quote));
}
