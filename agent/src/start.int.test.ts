import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);
const agent = fileURLToPath(new URL("../", import.meta.url));

/** Tells of the process as it ends. */
const telling = `data:text/javascript,${encodeURIComponent(`process.on("exit", () => {
  const loaded = process.moduleLoadList.filter((name) => /undici|worker_threads$/.test(name));
  console.log(JSON.stringify({ loaded, code: process.exitCode }));
});`)}`;

describe("the agent's bundle", () => {
  beforeAll(() => run(process.execPath, [`${agent}build.ts`]), 60_000);

  it("starts, says what is wrong with its configuration, and has loaded nothing large that it does not use", async () => {
    const args = ["--import", telling, `${agent}dist/agent.mjs`, "--reread", "soon"];
    const failure: unknown = await run(process.execPath, args).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 1, stderr: expect.stringContaining("AXLE_REREAD") });
    const { stdout = "" } = failure as { readonly stdout?: string };
    expect(JSON.parse(stdout)).toMatchObject({
      loaded: expect.not.arrayContaining([expect.stringContaining("undici")]),
    });
  });

  it("holds no letter beyond ASCII, which would double what it takes in memory", async () => {
    for (const name of await readdir(`${agent}dist`)) {
      const text = await readFile(`${agent}dist/${name}`, "utf8");
      expect(/[^\0-\x7f]/.test(text), name).toBe(false);
    }
  });
});
