import { join } from "node:path";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { expect, test } from "vitest";
import { HUB_CONFIG } from "../config.ts";
import { openRepository } from "./open-repository.ts";
import { parseConfig } from "@axle/runtime/config.ts";

test("S5: the repository's address is shown without the credentials in it", async () => {
  await using scratch = await createTemporaryDirectory("open-repository");
  const repo = "https://robot:hunter2@git.example.com/acme/fleet.git";
  const config = parseConfig(HUB_CONFIG, { env: { AXLE_REPO: repo, AXLE_DATA: join(scratch.path, "data") } });
  const opened = await openRepository({ config, env: process.env, signal: new AbortController().signal });
  await using _repository = opened.repository;
  expect(opened.shownUrl).toBe("https://git.example.com/acme/fleet.git");
});
