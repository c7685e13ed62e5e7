/**
 * Proves that the linter sees what it is there for: a promise nobody waits for, and every import against the arrows of
 * ARCHITECTURE.md. A rule that silently stopped working would otherwise look like clean code.
 */
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));
const bin = join(root, "node_modules", ".bin");
const fixtures = join(root, "e2e", "fixtures");

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
}

/** Lints a copy of the fixtures with the project's own rules, minus the line that spares the fixtures. */
async function lintFixtures(folder: string): Promise<Diagnostic[]> {
  const config = JSON.parse(await readFile(join(root, ".oxlintrc.json"), "utf8")) as { ignorePatterns?: string[] };
  delete config.ignorePatterns;
  await writeFile(join(folder, ".oxlintrc.json"), JSON.stringify(config));
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: { strict: true, types: [] } }));
  await cp(join(fixtures, "broken-promise.ts"), join(folder, "broken-promise.ts"));
  await cp(join(fixtures, "arrows"), folder, { recursive: true });
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}` };
  const output = await run(join(bin, "oxlint"), ["--format", "json", "."], { cwd: folder, env }).then(
    ({ stdout }) => stdout,
    // It exits 1 because it found something, as it should.
    (error: { stdout?: string; message: string }) => error.stdout || Promise.reject(new Error(error.message)),
  );
  return (JSON.parse(output) as { diagnostics: Diagnostic[] }).diagnostics;
}

const folder = await mkdtemp(join(tmpdir(), "axle-lint-"));
try {
  const found = await lintFixtures(folder);
  const expected = [
    { rule: "no-floating-promises", file: "broken-promise.ts" },
    ...(await readdir(join(fixtures, "arrows"))).map((name) => ({
      rule: "no-restricted-imports",
      file: `${name}/src/broken.ts`,
    })),
  ];
  const missed = expected.filter(
    ({ rule, file }) => !found.some(({ code, filename }) => code.includes(rule) && filename === file),
  );
  for (const { rule, file } of missed) console.error(`lint did not report ${rule} in the deliberately broken ${file}`);
  if (missed.length > 0) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
