/**
 * `npm test`: fetches or builds the outside programs the tests use, checks the code, runs the three layers of tests and
 * ends with one line, `N passed, N failed`. A layer that could not run at all counts as failed.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const bin = join(root, "node_modules", ".bin");
const LAYERS = ["unit", "int", "e2e"] as const;

interface Tally {
  passed: number;
  failed: number;
}

/** What of vitest's JSON report counts here. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: unknown[];
  }[];
}

const tally: Tally = { passed: 0, failed: 0 };
const children = new Set<ReturnType<typeof spawn>>();
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    stop.abort();
    for (const child of children) child.kill(name);
  });
}

const only = process.argv.slice(2);
const reports = await mkdtemp(join(tmpdir(), "axle-tests-"));
try {
  const steps: readonly (() => Promise<void>)[] = [
    () => step("outside programs", [process.execPath, "tools/src/main.ts"]),
    () => step("check (format, lint, types, arrows, unused code)", ["npm", "run", "--silent", "check"]),
    ...LAYERS.map((layer) => () => testLayer(layer)),
  ];
  for (const each of steps) if (!stop.signal.aborted) await each();
} finally {
  await rm(reports, { recursive: true, force: true });
}
if (stop.signal.aborted) tally.failed += 1;
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed === 0 ? 0 : 1;

/** A step that is no test: it counts only when it fails. */
async function step(title: string, command: readonly string[]): Promise<void> {
  const startedMs = Date.now();
  console.log(`\n== ${title}`);
  const isFine = (await runCommand(command)) === 0;
  if (!isFine) tally.failed += 1;
  console.log(`== ${title}: ${isFine ? "fine" : "FAILED"} after ${seconds(startedMs)}`);
}

async function testLayer(layer: (typeof LAYERS)[number]): Promise<void> {
  const startedMs = Date.now();
  const file = join(reports, `${layer}.json`);
  console.log(`\n== ${layer} tests`);
  const reporters = ["--reporter", process.stdout.isTTY ? "default" : "dot", "--reporter", "json"];
  const what = ["--project", layer, "--passWithNoTests", ...only];
  const code = await runCommand([join(bin, "vitest"), "run", ...what, ...reporters, `--outputFile.json=${file}`]);
  const report = await readReport(file);
  const passed = report?.numPassedTests ?? 0;
  // A file that does not load has no tests to count, and a runner that fails after them has none either.
  const unloaded = report?.testResults.filter((each) => each.status === "failed" && each.assertionResults.length === 0);
  let failed = (report?.numFailedTests ?? 0) + (unloaded?.length ?? 0);
  if (code !== 0 && failed === 0) failed = 1;
  tally.passed += passed;
  tally.failed += failed;
  console.log(`== ${layer} tests: ${passed} of ${passed + failed} fine after ${seconds(startedMs)}`);
}

async function readReport(file: string): Promise<VitestReport | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as VitestReport;
  } catch {
    return undefined;
  }
}

function runCommand(command: readonly string[]): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const [program = "", ...args] = command;
  const env = {
    ...process.env,
    PATH: `${bin}:${process.env["PATH"] ?? ""}`,
    // Tools take CI for a terminal with colours; a log file is none.
    ...(process.stdout.isTTY ? {} : { NO_COLOR: "1", FORCE_COLOR: "0" }),
  };
  const child = spawn(program, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], env });
  children.add(child);
  child.on("error", (error) => {
    console.error(`cannot run ${program}: ${error.message}`);
    resolve(127);
  });
  child.on("exit", (code) => {
    children.delete(child);
    resolve(code ?? 1);
  });
  return promise;
}

function seconds(sinceMs: number): string {
  return `${((Date.now() - sinceMs) / 1_000).toFixed(1)} s`;
}
