import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { GitServer } from "@axle/testkit/git-server.ts";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { NO_CREDENTIALS } from "../../credentials/credential.ts";
import { askGit } from "./ask-git.ts";
import { confineGit, GitAccess } from "./git-access.ts";
import { gitEnvironment, parseRemote } from "./git-environment.ts";

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

test("git goes where a name led when it was looked at, and not where it leads now", async () => {
  await using server = await GitServer.start();
  const fleet = await server.createRepository("fleet");
  const head = await (await fleet.clone()).publish({ a: "1" }, "one");
  const remote = parseRemote(fleet.url.replace("127.0.0.1", "no-such-name.invalid"));
  const { signal } = new AbortController();
  const ask = (addresses: readonly string[]) => {
    const environment = { ...gitEnvironment(process.env, "http"), ...confineGit(remote, addresses) };
    return askGit(["ls-remote", "--", remote.url], { gitDirectory: fleet.directory, environment }, signal);
  };
  // The first one is not listened on: what else was found is tried as well.
  expect(await ask(["::1", "127.0.0.1"])).toContain(head);
  await expect(ask([])).rejects.toThrow(/no-such-name\.invalid/);
});
