import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CredentialError } from "./credential-error.ts";
import { credentialsJsonSchema } from "./credentials-schema.ts";
import { parseCredentials } from "./parse-credentials.ts";

const HEAD = "apiVersion: axle.dev/v1\nkind: Credentials\n";

function parse(yaml: string): ReturnType<typeof parseCredentials> {
  return parseCredentials(`${HEAD}credentials:\n${yaml}`, "credentials.yaml");
}

function faultOf(text: string): string {
  try {
    parseCredentials(text, "credentials.yaml");
  } catch (error) {
    if (error instanceof CredentialError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "none";
}

test("every kind of login is read, and files are only named", () => {
  const { entries, dockerConfigFiles } = parseCredentials(
    `${HEAD}credentials:
  - url: https://github.com/acme
    githubApp: { appId: 7, installationId: 9, privateKeyFile: app.pem }
  - url: git@github.com:acme
    ssh: { privateKeyFile: key, knownHosts: "github.com ssh-ed25519 AAAA" }
  - url: https://gitlab.example
    token: { tokenFile: /run/token }
    caFile: ca.pem
  - url: https://bitbucket.org
    token: { token: t, username: x-token-auth }
  - url: https://code.example
    token: { token: t, scheme: bearer }
  - url: https://git.example
    basic: { usernameFile: user, passwordFile: password }
  - url: oci://ghcr.io/acme
    registry: { username: u, password: p }
dockerConfigFiles: [docker.json]
`,
    "credentials.yaml",
  );
  expect(dockerConfigFiles).toEqual(["docker.json"]);
  expect(entries.map(({ url, login, ca }) => ({ url, login, ca }))).toEqual([
    {
      url: "https://github.com/acme",
      login: {
        type: "githubApp",
        appId: "7",
        installationId: 9,
        apiUrl: "https://api.github.com",
        privateKey: { type: "file", path: "app.pem" },
      },
    },
    {
      url: "git@github.com:acme",
      login: {
        type: "ssh",
        privateKey: { type: "file", path: "key" },
        knownHosts: { type: "text", text: "github.com ssh-ed25519 AAAA" },
      },
    },
    {
      url: "https://gitlab.example",
      login: {
        type: "basic",
        username: { type: "text", text: "x-access-token" },
        password: { type: "file", path: "/run/token" },
      },
      ca: { type: "file", path: "ca.pem" },
    },
    {
      url: "https://bitbucket.org",
      login: {
        type: "basic",
        username: { type: "text", text: "x-token-auth" },
        password: { type: "text", text: "t" },
      },
    },
    { url: "https://code.example", login: { type: "bearer", token: { type: "text", text: "t" } } },
    {
      url: "https://git.example",
      login: {
        type: "basic",
        username: { type: "file", path: "user" },
        password: { type: "file", path: "password" },
      },
    },
    {
      url: "oci://ghcr.io/acme",
      login: { type: "basic", username: { type: "text", text: "u" }, password: { type: "text", text: "p" } },
    },
  ]);
});

describe("a file that cannot be used is refused with the place and the remedy", () => {
  test.each([
    ["  - { url: 'http://git.example', basic: { username: u, password: p } }", /:4:7: .*\.url: over http .*allowHttp/],
    ["  - { url: 'https://u:p@git.example', ca: x }", /url: holds a user name or password/],
    ["  - { url: 'git.example', ca: x }", /url: expected an https/],
    ["  - { url: 'https://git.example?x=1', ca: x }", /ends before \?/],
    ["  - { url: 'https://git.example' }", /expected one of ssh, basic, token, githubApp, registry, ca or caFile/],
    ["  - { url: 'https://git.example', ssh: { privateKey: k, knownHosts: h } }", /ssh: does not fit an https:/],
    ["  - { url: 'ssh://git.example', token: { token: t } }", /token: does not fit an ssh:/],
    ["  - { url: 'ssh://git.example', ssh: { privateKey: k } }", /expected knownHosts or knownHostsFile.*ssh-keyscan/],
    ["  - { url: 'https://git.example', basic: { username: u } }", /basic: expected password or passwordFile/],
    ["  - { url: 'https://git.example', token: { token: t, tokenFile: f } }", /token\.token: is given twice/],
    [
      "  - { url: 'https://git.example', token: { token: t }, basic: { username: u, password: p } }",
      /one login, and basic/,
    ],
    [
      "  - { url: 'https://git.example', githubApp: { appId: 1, installationId: 2, privateKey: k, apiUrl: 'http://a' } }",
      /apiUrl: expected an https/,
    ],
    [
      "  - { url: 'https://git.example', ca: x }\n  - { url: 'https://GIT.example:443/', ca: x }",
      /:5:7: .*has an entry already/,
    ],
    [
      "  - { url: 'https://git.example', basic: { username: u, password: 12345 } }",
      /password: expected text; put numbers in quotes/,
    ],
    ["  - { url: 'https://git.example', tokne: { token: t } }", /credentials\[0\]: has a field that is not known here/],
  ])("%s", (yaml, message) => {
    const fault = faultOf(`${HEAD}credentials:\n${yaml}\n`);
    expect(fault).toMatch(/^bad-file credentials\.yaml/);
    expect(fault).toMatch(message);
  });

  test.each(["", "{}", "- a", "kind: App\napiVersion: axle.dev/v1", `${HEAD}---\n${HEAD}`, "a: [", "a: 1\na: 2"])(
    "%j",
    (text) => {
      expect(faultOf(text)).toMatch(/^bad-file credentials\.yaml/);
    },
  );
});

test("http is let pass where it is allowed", () => {
  const { entries } = parse("  - { url: 'http://git.example', allowHttp: true, basic: { username: u, password: p } }");
  expect(entries[0]?.address.scheme).toBe("http");
});

test("S5: whatever is wrong with the file, no fault repeats what stands in it", () => {
  const secret = "s3cr3tPa55";
  const value = fc.constantFrom(
    secret,
    `*${secret}`,
    `!!int ${secret}`,
    `"${secret}`,
    `[${secret}]`,
    `{ ${secret}: ${secret} }`,
    `${secret}: x`,
    `|\n${secret}`,
    `@${secret}`,
    "12345678901234567890123",
  );
  const line = fc.tuple(
    fc.constantFrom("", "  ", "    ", "  - ", "\t"),
    fc.constantFrom("url", "token", "basic", "password", "x"),
    value,
  );
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 6 }), (lines) => {
      const text = `${HEAD}credentials:\n${lines.map(([indent, key, content]) => `${indent}${key}: ${content}`).join("\n")}\n`;
      const fault = faultOf(text);
      expect(fault).not.toContain(secret);
      expect(fault).not.toContain("12345678901234567890123");
    }),
    { numRuns: 500 },
  );
});

test("editors get a schema of the file", () => {
  expect(credentialsJsonSchema()).toMatchObject({ type: "object", required: ["apiVersion", "kind"] });
});
