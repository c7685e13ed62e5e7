import { join } from "node:path";
import { parseConfig } from "@axle/runtime/config.ts";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { expect, test } from "vitest";
import { basic, PrivateServers } from "../adapters/git/private-servers.ts";
import { HUB_CONFIG } from "../config.ts";
import { openRepository } from "./open-repository.ts";

const never = new AbortController().signal;

test("S5: the repository's address is shown without the credentials in it", async () => {
  await using scratch = await createTemporaryDirectory("open-repository");
  const repo = "https://robot:hunter2@git.example.com/acme/fleet.git";
  const config = parseConfig(HUB_CONFIG, { env: { AXLE_REPO: repo, AXLE_DATA: join(scratch.path, "data") } });
  await using opened = await openRepository({ config, env: process.env, signal: never });
  expect(opened.shownUrl).toBe("https://git.example.com/acme/fleet.git");
});

test("a private repository is followed over ssh and https, with what the file of credentials has", async () => {
  await using servers = await PrivateServers.start();
  const { ssh, git, key } = servers;
  servers.accepted.add(basic("x-access-token", "s3cr3t"));
  const fleet = await git.createRepository("acme/fleet");
  const head = await (await fleet.clone()).publish({ "axle.yaml": "" }, "first");
  const { path } = await servers.credentials(
    `  - { url: '${git.origin}/acme', caFile: ca.pem, token: { tokenFile: token } }
  - { url: 'ssh://127.0.0.1:${ssh.port}/acme', ssh: { privateKeyFile: key, knownHostsFile: known_hosts } }\n`,
    { token: "s3cr3t\n", key: key.privateKey, known_hosts: ssh.knownHosts },
  );
  for (const repo of [fleet.url, ssh.url("acme/fleet")]) {
    const data = await servers.folder();
    const env = { AXLE_REPO: repo, AXLE_DATA: data, AXLE_CREDENTIALS: join(path, "credentials.yaml") };
    const config = parseConfig(HUB_CONFIG, { env });
    await using opened = await openRepository({ config, env: process.env, signal: never });
    expect(await opened.repository.fetch(undefined, never)).toMatchObject({ head });
    expect((await opened.repository.snapshot(head, never)).files.has("axle.yaml")).toBe(true);
  }
}, 60_000);

test("a file of credentials that cannot be used stops the hub before it begins", async () => {
  await using scratch = await createTemporaryDirectory("open-repository");
  const env = { AXLE_REPO: "/fleet", AXLE_DATA: scratch.path, AXLE_CREDENTIALS: join(scratch.path, "none.yaml") };
  const config = parseConfig(HUB_CONFIG, { env });
  const opening = openRepository({ config, env: process.env, signal: never });
  await expect(opening).rejects.toMatchObject({ code: "unreadable", message: `${env.AXLE_CREDENTIALS} is not there` });
});
