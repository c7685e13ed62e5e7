import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { readdir, readFile, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { createSshKey, SshGitServer } from "@axle/testkit/ssh-git-server.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { GitServer } from "@axle/testkit/git-server.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { CredentialSource } from "../../credentials/credential.ts";
import { GitRepository } from "./git-repository.ts";
import { basic, PrivateServers } from "./private-servers.ts";
import { RepositoryError } from "./repository-error.ts";

const never = new AbortController().signal;
const run = promisify(execFile);
let servers: PrivateServers;
let url: string;
let head: string;

beforeAll(async () => {
  servers = await PrivateServers.start();
  const repository = await servers.git.createRepository("team/fleet");
  head = await (await repository.clone()).publish({ "a.txt": "one\n" }, "first");
  url = repository.url;
}, 60_000);

afterAll(() => servers[Symbol.asyncDispose]());

beforeEach(() => {
  servers.accepted.clear();
  servers.seen.length = 0;
});

async function open(
  address: string,
  credentials?: CredentialSource,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<GitRepository> {
  const directory = await servers.folder();
  return new GitRepository({
    url: address,
    directory,
    environment,
    ...(credentials === undefined ? {} : { credentials }),
  });
}

/** Why a fetch failed; a wrong key must not lead to a second opinion. */
async function failureOf(address: string, credentials?: CredentialSource): Promise<{ code: string; message: string }> {
  await using repository = await open(address, credentials);
  const error: unknown = await repository.fetch(undefined, never).catch((thrown: unknown) => thrown);
  if (!(error instanceof Error)) throw new TypeError("it was fetched");
  return { code: error instanceof RepositoryError ? error.code : error.name, message: error.message };
}

function httpsEntry(login: string, prefix = servers.git.origin): string {
  return `  - { url: '${prefix}', caFile: ca.pem, ${login} }\n`;
}

describe("over https with a private authority", () => {
  test.each([
    ["basic", "basic: { username: robot, passwordFile: password }", basic("robot", "s3cr3t")],
    ["token", "token: { tokenFile: password }", basic("x-access-token", "s3cr3t")],
    ["bearer token", "token: { tokenFile: password, scheme: bearer }", "Bearer s3cr3t"],
  ])("a %s lets the hub in, and goes with every call", async (_name, login, header) => {
    servers.accepted.add(header);
    const credentials = await servers.credentials(httpsEntry(login), { password: "s3cr3t\n" });
    await using repository = await open(url, credentials);
    expect(await repository.fetch(undefined, never)).toMatchObject({ head });
    expect(new Set(servers.seen)).toEqual(new Set([header]));
  });

  test("a password in the address itself works too, and stands in no file", async () => {
    servers.accepted.add(basic("robot", "s3cr3t"));
    const credentials = await servers.credentials(`  - { url: '${servers.git.origin}', caFile: ca.pem }\n`);
    const directory = await servers.folder();
    const address = url.replace("://", "://robot:s3cr3t@");
    await using repository = new GitRepository({ url: address, directory, environment: process.env, credentials });
    expect(await repository.fetch(undefined, never)).toMatchObject({ head });
    const config = await run("grep", ["-r", "-l", "s3cr3t", directory]).catch(() => ({ stdout: "" }));
    expect(config.stdout).toBe("");
  });

  test("none given, a wrong one, one without rights: each says what to do", async () => {
    const onlyCa = await servers.credentials(`  - { url: '${servers.git.origin}', caFile: ca.pem }\n`);
    expect(await failureOf(url, onlyCa)).toEqual({
      code: "auth",
      message: `cannot fetch ${url}: the server asks who we are, and the credentials file has no entry for this address; add one (token, basic or githubApp)`,
    });
    const wrong = await servers.credentials(httpsEntry("token: { token: old }"));
    expect(await failureOf(url, wrong)).toEqual({
      code: "auth",
      message: `cannot fetch ${url}: the server does not take the credentials of the entry ${servers.git.origin}; they may have expired or been revoked`,
    });
  });

  test("an authority nobody gave is not trusted, and neither is another one", async () => {
    const failure = await failureOf(url);
    expect(failure.code).toBe("unreachable");
    expect(failure.message).toMatch(/certificate is not trusted.*ca or caFile/);
  });

  test("a token that is replaced in its file is used without a restart", async () => {
    const credentials = await servers.credentials(httpsEntry("token: { tokenFile: token }"), { token: "first" });
    await using repository = await open(url, credentials);
    servers.accepted.add(basic("x-access-token", "first"));
    expect(await repository.fetch(undefined, never)).toMatchObject({ head });
    servers.accepted.clear();
    servers.accepted.add(basic("x-access-token", "second"));
    await expect(repository.fetch(undefined, never)).rejects.toMatchObject({ code: "auth" });
    await writeFile(join(credentials.path, "token"), "second\n");
    expect(await repository.fetch(undefined, never)).toMatchObject({ head });
  });

  test("S5: an entry for one path goes to no other, and none over plain http", async () => {
    const credentials = await servers.credentials(
      httpsEntry("token: { token: s3cr3t }", `${servers.git.origin}/other`),
    );
    await failureOf(url, credentials);
    await using open2 = await GitServer.start({ admit: ({ authorization }) => void servers.seen.push(authorization) });
    const plain = await open2.createRepository("team/fleet");
    await failureOf(plain.url, credentials);
    expect(new Set(servers.seen)).toEqual(new Set([undefined]));
  });

  test("S5: a redirect to another host never gets the credentials", async () => {
    const stolen: (string | undefined)[] = [];
    const thief = createServer((request, response) => {
      stolen.push(request.headers.authorization);
      response.writeHead(404).end();
    }).listen(0, "127.0.0.1");
    await using bait = await GitServer.start({
      tls: servers.certificate,
      routes: [
        (request, response) => {
          response.writeHead(302, {
            location: `http://127.0.0.1:${(thief.address() as AddressInfo).port}${request.url ?? ""}`,
          });
          return Promise.resolve(true);
        },
      ],
    });
    const credentials = await servers.credentials(httpsEntry("token: { token: s3cr3t }", bait.origin));
    const failure = await failureOf(`${bait.origin}/team/fleet.git`, credentials);
    thief.close();
    expect(failure.message).toMatch(/elsewhere, and credentials follow no redirect/);
    expect(stolen).toEqual([]);
  });

  test("S5: while git runs, neither arguments nor environment of any process show the secret, and no file is left", async () => {
    const secret = "s3cr3t-token-of-the-test";
    const header = basic("x-access-token", secret);
    const gate = Promise.withResolvers<undefined>();
    let calls = 0;
    await using slow = await GitServer.start({
      tls: servers.certificate,
      admit: ({ authorization }) => (authorization === header ? undefined : 401),
      routes: [
        async () => {
          calls += 1;
          await gate.promise;
          return false;
        },
      ],
    });
    const repository = await slow.createRepository("fleet");
    const credentials = await servers.credentials(httpsEntry(`token: { token: ${secret} }`, slow.origin));
    const directory = await servers.folder();
    await using reader = new GitRepository({ url: repository.url, directory, environment: process.env, credentials });
    const fetching = reader.fetch(undefined, never).catch((error: unknown) => error);
    await eventually(() => calls > 0, { what: "git's first call" });
    const { stdout } = await run("ps", ["axeww"], { maxBuffer: 64 << 20 });
    expect(stdout).toContain("git-remote-https");
    expect(stdout).not.toContain(secret);
    expect(stdout).not.toContain(header.slice(6));
    gate.resolve(undefined);
    await fetching;
    expect(await readdir(join(directory, "access"))).toEqual([]);
    const left = await run("grep", ["-r", "-l", "-e", secret, "-e", header.slice(6), directory]).catch(() => ({
      stdout: "",
    }));
    expect(left.stdout).toBe("");
  });
});

describe("as a GitHub App", () => {
  function entry(): string {
    const { appId, installationId } = servers.app;
    const app = `appId: '${appId}', installationId: ${installationId}, privateKeyFile: app.pem, apiUrl: '${servers.git.origin}/api/v3'`;
    return httpsEntry(`githubApp: { ${app} }`);
  }

  test("a token is fetched once and kept, and anew when the server refused it", async () => {
    const credentials = await servers.credentials(entry(), { "app.pem": servers.app.privateKeyPem });
    await using repository = await open(url, credentials);
    const before = servers.app.issued;
    expect(await repository.fetch(undefined, never)).toMatchObject({ head });
    await repository.fetch(undefined, never);
    expect(servers.app.issued - before).toBe(1);
    servers.app.revokeAll();
    await expect(repository.fetch(undefined, never)).rejects.toMatchObject({ code: "auth" });
    expect(await repository.fetch(undefined, never)).toMatchObject({ head });
    await repository.fetch(undefined, never);
    expect(servers.app.issued - before).toBe(2);
  });

  test("a key that GitHub does not take is told in its words, and a new key file is used at once", async () => {
    const credentials = await servers.credentials(entry(), { "app.pem": servers.app.privateKeyPem });
    servers.app.changeKey();
    await using repository = await open(url, credentials);
    await expect(repository.fetch(undefined, never)).rejects.toMatchObject({
      message: expect.stringMatching(
        /no token for the GitHub App .* answers 401 \(A JSON web token could not be decoded\); check appId/,
      ) as unknown,
    });
    await writeFile(join(credentials.path, "app.pem"), servers.app.privateKeyPem);
    expect(await repository.fetch(undefined, never)).toMatchObject({ head });
  });
});

describe("over ssh", () => {
  function entry(knownHosts = servers.ssh.knownHosts, prefix = `ssh://git@127.0.0.1:${servers.ssh.port}`): string {
    return `  - { url: '${prefix}', ssh: { privateKeyFile: key, knownHosts: '${knownHosts.trim()}' } }\n`;
  }

  test("a deploy key lets the hub in", async () => {
    const credentials = await servers.credentials(entry(), { key: servers.key.privateKey });
    await using repository = await open(servers.ssh.url("team/fleet"), credentials);
    expect(await repository.fetch(undefined, never)).toMatchObject({ head });
    expect((await repository.snapshot(head, never)).files.has("a.txt")).toBe(true);
  });

  test("a key the server does not know, and none at all", async () => {
    const wrong = await servers.credentials(entry(), { key: createSshKey().privateKey });
    expect(await failureOf(servers.ssh.url("team/fleet"), wrong)).toMatchObject({
      code: "auth",
      message: expect.stringMatching(/does not take the deploy key of the entry ssh:.*may it read\?/) as unknown,
    });
  });

  test("a host key nobody gave is not trusted at first sight: its fingerprint is told", async () => {
    const credentials = await servers.credentials(entry(`127.0.0.2 ${createSshKey().publicKey}`), {
      key: servers.key.privateKey,
    });
    const failure = await failureOf(servers.ssh.url("team/fleet"), credentials);
    expect(failure.code).toBe("auth");
    expect(failure.message).toContain(`host key is not known: found ssh-ed25519 ${servers.hostKey.fingerprint}`);
    expect(failure.message).toContain("the hub trusts no key at first sight");
  });

  test("a host key that changed stops the hub, with the fingerprint found", async () => {
    const { root } = servers.git;
    const changed = createSshKey();
    await using other = await SshGitServer.start({ root, hostKey: changed, authorized: servers.authorized });
    const known = `[127.0.0.1]:${other.port} ${servers.hostKey.publicKey}`;
    const credentials = await servers.credentials(entry(known, `ssh://127.0.0.1:${other.port}`), {
      key: servers.key.privateKey,
    });
    const failure = await failureOf(other.url("team/fleet"), credentials);
    expect(failure.code).toBe("auth");
    expect(failure.message).toContain(
      `host key is not the one in knownHosts: found ssh-ed25519 ${changed.fingerprint}`,
    );
    expect(other.commands).toEqual([]);
  });

  test("a key with a passphrase is refused before anybody is called", async () => {
    const before = servers.ssh.commands.length;
    const credentials = await servers.credentials(entry(), { key: createSshKey({ passphrase: "x" }).privateKey });
    const failure = await failureOf(servers.ssh.url("team/fleet"), credentials);
    expect(failure.message).toMatch(/the ssh key for .* has a passphrase, and nobody is there to type it/);
    expect(servers.ssh.commands).toHaveLength(before);
  });

  test("a deploy key is rotated without a restart, and a removed one lets nobody in", async () => {
    const next = createSshKey();
    const credentials = await servers.credentials(entry(), { key: servers.key.privateKey });
    await using repository = await open(servers.ssh.url("team/fleet"), credentials);
    expect(await repository.fetch(undefined, never)).toMatchObject({ head });
    servers.authorized.delete(servers.key.publicKey);
    await expect(repository.fetch(undefined, never)).rejects.toMatchObject({ code: "auth" });
    servers.authorized.add(next.publicKey);
    await writeFile(join(credentials.path, "key"), next.privateKey);
    expect(await repository.fetch(undefined, never)).toMatchObject({ head });
    servers.authorized.add(servers.key.publicKey);
  });

  test("a repository that is not there", async () => {
    const credentials = await servers.credentials(entry(), { key: servers.key.privateKey });
    expect(await failureOf(servers.ssh.url("team/none"), credentials)).toMatchObject({
      code: "not-found",
      message: expect.stringMatching(
        /no such repository: check the repository address, and that the credentials/,
      ) as unknown,
    });
  });
});

test("a secret every user of the machine can read is refused", async () => {
  const credentials = await servers.credentials(httpsEntry("token: { tokenFile: token }"), { token: "t" });
  const { chmod } = await import("node:fs/promises");
  await chmod(join(credentials.path, "token"), 0o644);
  await expect(credentials.check()).rejects.toMatchObject({
    code: "permissions",
    message: expect.stringMatching(/chmod 600/) as unknown,
  });
  await chmod(join(credentials.path, "token"), 0o440);
  await credentials.check();
  expect(await readFile(join(credentials.path, "token"), "utf8")).toBe("t");
});
