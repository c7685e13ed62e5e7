import { execFile } from "node:child_process";
import { createSign } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { GitHubAppServer } from "./github-app-server.ts";
import { GitServer } from "./git-server.ts";
import { checkForLeaks } from "./leak-check.ts";
import { LfsServer } from "./lfs-server.ts";
import { createLoopbackCertificate } from "./loopback-certificate.ts";
import { gitEnvironment } from "./run-git.ts";
import { createSshKey, SshGitServer } from "./ssh-git-server.ts";
import { createTemporaryDirectory } from "./temporary-directory.ts";

const run = promisify(execFile);

test("the real ssh clones with a key that is known, and with no other", async () => {
  await using _leaks = checkForLeaks();
  await using git = await GitServer.start();
  await using scratch = await createTemporaryDirectory("ssh");
  const repository = await git.createRepository("fleet");
  const commit = await (await repository.clone()).publish({ a: "1" }, "first");
  const [hostKey, known, stranger] = [createSshKey(), createSshKey(), createSshKey()];
  await using ssh = await SshGitServer.start({ root: git.root, hostKey, authorized: new Set([known.publicKey]) });
  await writeFile(join(scratch.path, "known_hosts"), ssh.knownHosts);
  const list = async (privateKey: string): Promise<string> => {
    await writeFile(join(scratch.path, "key"), privateKey, { mode: 0o600 });
    const options = `-F none -o IdentitiesOnly=yes -o UserKnownHostsFile=${scratch.path}/known_hosts -i ${scratch.path}/key`;
    const env = { ...gitEnvironment(), GIT_SSH_COMMAND: `ssh -o BatchMode=yes ${options}` };
    return (await run("git", ["ls-remote", ssh.url("fleet"), "main"], { env })).stdout;
  };
  expect(await list(known.privateKey)).toContain(commit);
  await expect(list(stranger.privateKey)).rejects.toThrow(/Permission denied/);
  expect(ssh.commands).toEqual(["git-upload-pack '/fleet.git'"]);
});

test("over https a caller shows who it is, and the certificate is of an authority nobody trusts", async () => {
  await using _leaks = checkForLeaks();
  const certificate = await createLoopbackCertificate();
  await using git = await GitServer.start({
    tls: certificate,
    admit: ({ repository, authorization }) =>
      authorization === "Bearer x" && repository === "team/fleet" ? undefined : 401,
  });
  await using scratch = await createTemporaryDirectory("https");
  const { url, clone } = await git.createRepository("team/fleet");
  const commit = await (await clone()).publish({ a: "1" }, "first");
  const ca = join(scratch.path, "ca.pem");
  await writeFile(ca, certificate.caPem);
  const list = async (env: Readonly<Record<string, string>>, ...args: string[]): Promise<string> =>
    (await run("git", [...args, "ls-remote", url, "main"], { env: { ...gitEnvironment(), ...env } })).stdout;
  expect(await list({ GIT_SSL_CAINFO: ca }, "-c", "http.extraHeader=Authorization: Bearer x")).toContain(commit);
  await expect(list({ GIT_SSL_CAINFO: ca })).rejects.toThrow(/could not read Username/);
  await expect(list({})).rejects.toThrow(/certificate/);
});

interface Answer {
  readonly status: number | undefined;
  readonly body: unknown;
}

async function post(
  url: string,
  call: { ca: string; headers: Record<string, string>; body?: object },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", ca: call.ca, headers: call.headers, agent: false }, (response) => {
      json(response).then((body) => {
        resolve({ status: response.statusCode, body });
      }, reject);
    });
    sent.once("error", reject);
    sent.end(JSON.stringify(call.body ?? {}));
  });
}

test("an app's web token is checked as GitHub checks it, and LFS says where a file is", async () => {
  const certificate = await createLoopbackCertificate();
  const app = new GitHubAppServer({ appId: "1", installationId: 2 });
  const lfs = new LfsServer({ accepts: (authorization) => app.accepts(authorization) });
  await using git = await GitServer.start({ tls: certificate, routes: [app.route, lfs.route] });
  const ca = certificate.caPem;
  const jwt = (claims: object): string => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const signed = `${part({ alg: "RS256" })}.${part(claims)}`;
    return `${signed}.${createSign("sha256").update(signed).sign(app.privateKeyPem, "base64url")}`;
  };
  const now = Math.floor(Date.now() / 1000);
  const ask = (claims: object): Promise<Answer> =>
    post(`${git.origin}/api/v3/app/installations/2/access_tokens`, {
      ca,
      headers: { authorization: `Bearer ${jwt(claims)}` },
    });
  expect(await ask({ iat: now, exp: now + 3600, iss: "1" })).toMatchObject({ status: 401 });
  expect(await ask({ iat: now, exp: now + 60, iss: "9" })).toMatchObject({ status: 401 });
  const { status, body } = await ask({ iat: now - 60, exp: now + 540, iss: "1" });
  expect(status).toBe(201);
  const { token } = body as { token: string };
  const authorization = `Basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`;
  const pointer = lfs.store("large");
  const oid = /sha256:(\S+)/.exec(pointer)?.[1] ?? "";
  const headers = { accept: "application/vnd.git-lfs+json", authorization };
  const batch = () =>
    post(`${git.origin}/fleet.git/info/lfs/objects/batch`, {
      ca,
      headers,
      body: { operation: "download", objects: [{ oid, size: 5 }] },
    });
  expect(await batch()).toMatchObject({
    status: 200,
    body: { objects: [{ oid, actions: { download: { href: `${git.origin}/lfs-storage/${oid}` } } }] },
  });
  app.revokeAll();
  expect(await batch()).toMatchObject({ status: 401 });
});
