import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { NO_CREDENTIALS } from "../../credentials/credential.ts";
import { GitAccess } from "./git-access.ts";
import { parseRemote } from "./git-environment.ts";

test("a folder that could not be cleared is tried again with the next call", async () => {
  await using scratch = await createTemporaryDirectory("access");
  const directory = join(scratch.path, "parent", "access");
  const access = new GitAccess({ directory, environment: {}, credentials: NO_CREDENTIALS });
  const remote = parseRemote("git@git.example.com:acme/fleet.git");
  const { signal } = new AbortController();
  await writeFile(dirname(directory), "");
  await expect(access.open(remote, signal)).rejects.toMatchObject({ code: "ENOTDIR" });
  await rm(dirname(directory));
  await mkdir(directory, { recursive: true });
  await using reach = await access.open(remote, signal);
  expect(reach.environment).toHaveProperty("GIT_SSH_COMMAND");
});
