import { spawn } from "node:child_process";
import { once } from "node:events";
import { access } from "node:fs/promises";
import { expect, test } from "vitest";
import { createTemporaryDirectory } from "./temporary-directory.ts";

test("what a killed process left is removed by the next that needs a directory", async () => {
  const script = `
    import { createTemporaryDirectory } from ${JSON.stringify(`${import.meta.dirname}/temporary-directory.ts`)};
    console.log((await createTemporaryDirectory("orphan")).path);
    setInterval(() => {}, 1000);
  `;
  const owner = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(owner.stdout, "data")) as [Buffer];
  const path = line.toString().trim();
  {
    await using _other = await createTemporaryDirectory("other");
    await access(path);
  }
  owner.kill("SIGKILL");
  await once(owner, "exit");
  await using next = await createTemporaryDirectory("next");
  await expect(access(path)).rejects.toThrow();
  await access(next.path);
});
