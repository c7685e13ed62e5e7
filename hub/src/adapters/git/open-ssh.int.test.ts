import { OpenSshServer } from "@axle/testkit/open-ssh-server.ts";
import { createSshKey } from "@axle/testkit/ssh-git-server.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { GitRepository } from "./git-repository.ts";
import { PrivateServers } from "./private-servers.ts";

const never = new AbortController().signal;
let servers: PrivateServers;
let ssh: OpenSshServer;
let head: string;

beforeAll(async () => {
  servers = await PrivateServers.start();
  const repository = await servers.git.createRepository("team/fleet");
  head = await (await repository.clone()).publish({ "a.txt": "one\n" }, "first");
  const { root } = servers.git;
  ssh = await OpenSshServer.start({ root, hostKey: servers.hostKey, authorized: [servers.key.publicKey] });
}, 60_000);

afterAll(async () => {
  await ssh?.[Symbol.asyncDispose]();
  await servers?.[Symbol.asyncDispose]();
});

async function openWith(privateKey: string, knownHosts = ssh.knownHosts): Promise<GitRepository> {
  const entry = `  - { url: '${ssh.origin}', ssh: { privateKeyFile: key, knownHosts: '${knownHosts}' } }\n`;
  const credentials = await servers.credentials(entry, { key: privateKey });
  const directory = await servers.folder();
  return new GitRepository({ url: ssh.url("team/fleet"), directory, environment: process.env, credentials });
}

test("OpenSSH's own server lets the hub in with a deploy key, once and again", async () => {
  await using repository = await openWith(servers.key.privateKey);
  expect(await repository.fetch(undefined, never)).toMatchObject({ head, rewritten: false });
  expect((await repository.snapshot(head, never)).files.has("a.txt")).toBe(true);
  expect(await repository.fetch(head, never)).toMatchObject({ head, rewritten: false });
});

test("what it refuses is told as any server's refusal: another key, and a host key nobody gave", async () => {
  await using wrong = await openWith(createSshKey().privateKey);
  await expect(wrong.fetch(undefined, never)).rejects.toMatchObject({
    code: "auth",
    message: expect.stringMatching(/does not take the deploy key of the entry ssh:/) as unknown,
  });
  await using unknown = await openWith(servers.key.privateKey, `127.0.0.2 ${createSshKey().publicKey}`);
  await expect(unknown.fetch(undefined, never)).rejects.toMatchObject({
    code: "auth",
    message: expect.stringContaining(`found ssh-ed25519 ${servers.hostKey.fingerprint}`) as unknown,
  });
});
