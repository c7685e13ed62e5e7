import { createInterface } from "node:readline/promises";
import { text } from "node:stream/consumers";
import type { CliContext, Screen } from "./context.ts";
import { runCli } from "./program.ts";

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    // The second one means it: whatever still holds us back loses.
    if (stop.signal.aborted) process.exit(130);
    stop.abort(new Error(`stopped by ${name}`));
  });
}
// `axle get clusters | head -1` closes our output early: nobody reads on, so stop in order, and that is no error.
let isOutputClosed = false;
process.stdout.on("error", () => {
  isOutputClosed = true;
  stop.abort(new Error("the output was closed"));
});

const context: CliContext = {
  out: screenOf(process.stdout),
  err: screenOf(process.stderr),
  env: process.env,
  cwd: process.cwd(),
  signal: stop.signal,
  nowMs: () => Date.now(),
  ask: process.stdin.isTTY ? ask : undefined,
  input: () => text(process.stdin),
};

const code = await runCli(process.argv.slice(2), context);
process.exitCode = isOutputClosed ? 0 : code;

function screenOf(stream: NodeJS.WriteStream): Screen {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  const forced = FORCE_COLOR !== undefined && FORCE_COLOR !== "0";
  return {
    write: (text) => void stream.write(text),
    width: stream.isTTY ? stream.columns : undefined,
    colour: !NO_COLOR && (forced || (stream.isTTY && TERM !== "dumb")),
  };
}

async function ask(question: string): Promise<string> {
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await reader.question(question, { signal: stop.signal });
  } finally {
    reader.close();
  }
}
