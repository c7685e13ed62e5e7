import { z } from "zod";

const text = z.string().min(1);
const fileOf = (what: string) =>
  text.optional().describe(`File with ${what}; read again whenever it changes. Relative to this file.`);

const ssh = z
  .strictObject({
    privateKey: text.optional().describe("Private key, without a passphrase."),
    privateKeyFile: fileOf("the private key"),
    knownHosts: text.optional().describe("Host keys to accept, as in known_hosts; there is no trust on first use."),
    knownHostsFile: fileOf("the host keys to accept"),
  })
  .describe("Deploy key for ssh:// addresses.");

const basic = z
  .strictObject({
    username: text.optional(),
    usernameFile: fileOf("the user name"),
    password: text.optional(),
    passwordFile: fileOf("the password"),
  })
  .describe("User name and password for https:// addresses.");

const token = z
  .strictObject({
    token: text.optional(),
    tokenFile: fileOf("the token"),
    scheme: z
      .enum(["basic", "bearer"])
      .optional()
      .describe("basic (the default) sends it as a password, as GitHub, GitLab and Bitbucket want; bearer as it is."),
    username: text
      .optional()
      .describe(
        "User name beside it: x-access-token when not given; x-token-auth for Bitbucket, a deploy token's own for GitLab.",
      ),
  })
  .describe("Access token for https:// addresses.");

const githubApp = z
  .strictObject({
    appId: z.union([z.int().positive(), text]).describe("App id, or client id."),
    installationId: z.int().positive(),
    privateKey: text.optional().describe("The app's private key, PEM."),
    privateKeyFile: fileOf("the app's private key"),
    apiUrl: text
      .optional()
      .describe("https://api.github.com when not given; https://HOST/api/v3 for GitHub Enterprise."),
  })
  .describe("GitHub App: the hub fetches tokens that hold an hour.");

const registry = z
  .strictObject({
    username: text.optional(),
    usernameFile: fileOf("the user name"),
    password: text.optional(),
    passwordFile: fileOf("the password"),
    token: text.optional().describe("Sent as a bearer token, instead of user name and password."),
    tokenFile: fileOf("the token"),
  })
  .describe("Login for oci:// addresses.");

/** What of an address's entry says who we are. */
export const LOGIN_KINDS = ["ssh", "basic", "token", "githubApp", "registry"] as const;

const entry = z.strictObject({
  url: text.describe(
    "https://, ssh:// (or user@host:path) or oci:// address; holds for itself and everything below it, the longest wins.",
  ),
  allowHttp: z
    .boolean()
    .optional()
    .describe("Allows an http:// address, where everybody on the way can read the secret."),
  ssh: ssh.optional(),
  basic: basic.optional(),
  token: token.optional(),
  githubApp: githubApp.optional(),
  registry: registry.optional(),
  ca: text.optional().describe("Certificate authorities to trust here instead of the machine's, PEM."),
  caFile: fileOf("the certificate authorities to trust here"),
});

/** The file of credentials. Cross-field rules are in parse-credentials.ts. */
export const CREDENTIALS_SCHEMA = z.strictObject({
  apiVersion: z.literal("axle.dev/v1"),
  kind: z.literal("Credentials"),
  credentials: z.array(entry).optional(),
  dockerConfigFiles: z
    .array(text)
    .optional()
    .describe("Files as `docker login` writes them, or as a Secret of type kubernetes.io/dockerconfigjson holds them."),
});

export type CredentialsEntry = z.infer<typeof entry>;

/** For editors. */
export function credentialsJsonSchema(): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(CREDENTIALS_SCHEMA, { io: "input", target: "draft-2020-12" });
}
