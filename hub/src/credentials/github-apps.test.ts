import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { expect, test } from "vitest";
import type { AskHttp, HttpAnswer } from "./ask-http.ts";
import { HttpError } from "./ask-http.ts";
import { GitHubApps, signAppToken, type GitHubApp } from "./github-apps.ts";
import { readSigningKey } from "./private-key.ts";

const never = new AbortController().signal;
const HOUR_MS = 3_600_000;
const pair = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
const app: GitHubApp = {
  appId: "7",
  installationId: 9,
  apiUrl: "https://ghe.example/api/v3",
  privateKeyPem: pair.privateKey,
  caPem: undefined,
  from: "https://ghe.example/acme",
};

function answer(status: number, body: object): HttpAnswer {
  return { status, headers: {}, body: Buffer.from(JSON.stringify(body)) };
}

/** GitHub's answers one by one, and the clock. */
function stand(answers: (HttpAnswer | HttpError)[] = []) {
  const clock = { nowMs: 1_000_000 };
  const asked: Parameters<AskHttp>[0][] = [];
  const apps = new GitHubApps(
    async (ask) => {
      asked.push(ask);
      const next = answers.shift();
      if (next instanceof HttpError) throw next;
      const expires = new Date(clock.nowMs + HOUR_MS).toISOString();
      return next ?? answer(201, { token: `token-${asked.length}`, expires_at: expires });
    },
    () => clock.nowMs,
  );
  return { apps, asked, clock };
}

test("a token is kept until shortly before it expires", async () => {
  const { apps, asked, clock } = stand();
  expect(await apps.token(app, never)).toBe("token-1");
  clock.nowMs += HOUR_MS - 6 * 60_000;
  expect(await apps.token(app, never)).toBe("token-1");
  clock.nowMs += 2 * 60_000;
  expect(await apps.token(app, never)).toBe("token-2");
  expect(asked.map(({ url }) => url)).toEqual(
    Array(2).fill("https://ghe.example/api/v3/app/installations/9/access_tokens"),
  );
});

test("calls at the same time share one, another key or installation has its own", async () => {
  const { apps, asked } = stand();
  expect(await Promise.all([apps.token(app, never), apps.token(app, never)])).toEqual(["token-1", "token-1"]);
  expect(await apps.token({ ...app, installationId: 10 }, never)).toBe("token-2");
  expect(asked).toHaveLength(2);
});

test("a token a server refused is fetched anew", async () => {
  const { apps } = stand();
  apps.forget(await apps.token(app, never));
  await Promise.resolve();
  expect(await apps.token(app, never)).toBe("token-2");
});

test("what GitHub says is told, and nothing of it is kept", async () => {
  const refusal = answer(404, { message: "Not\nFound" });
  const { apps } = stand([
    refusal,
    answer(503, {}),
    answer(201, { token: 1 }),
    new HttpError("unreachable", "ghe.example is away"),
  ]);
  await expect(apps.token(app, never)).rejects.toMatchObject({
    code: "refused",
    message:
      "no token for the GitHub App for https://ghe.example/acme: ghe.example answers 404 (Not Found); check appId, installationId, the private key and the hub's clock",
  });
  await expect(apps.token(app, never)).rejects.toMatchObject({ code: "unreachable" });
  await expect(apps.token(app, never)).rejects.toMatchObject({ code: "refused" });
  await expect(apps.token(app, never)).rejects.toMatchObject({
    code: "unreachable",
    message: expect.stringMatching(/is away/) as unknown,
  });
  expect(await apps.token(app, never)).toBe("token-5");
});

test("the web token is signed with RS256, a minute old, and holds less than ten", () => {
  const jwt = signAppToken("7", readSigningKey(pair.privateKey, "x"), 1_000_000_000);
  const [header = "", claims = "", signature = ""] = jwt.split(".");
  expect(JSON.parse(Buffer.from(header, "base64url").toString())).toEqual({ alg: "RS256", typ: "JWT" });
  expect(JSON.parse(Buffer.from(claims, "base64url").toString())).toEqual({ iat: 999_940, exp: 1_000_540, iss: "7" });
  const key = createPublicKey(pair.publicKey);
  expect(verify("sha256", Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, "base64url"))).toBe(true);
});

test("S5: a key that is none, one with a passphrase, one of another kind are refused without a word of them", () => {
  const encrypted = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" },
  }).privateKey;
  const { privateKey } = generateKeyPairSync("ed25519", {
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  expect(() => readSigningKey("s3cr3t", "x")).toThrow(/no private key in PEM/);
  expect(() => readSigningKey("s3cr3t", "x")).not.toThrow(/s3cr3t/);
  expect(() => readSigningKey(encrypted, "x")).toThrow(/has a passphrase/);
  expect(() => readSigningKey(privateKey, "x")).toThrow(/no RSA key/);
});
