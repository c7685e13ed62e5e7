import { parseYaml, YamlError } from "@axle/core/manifest/parse-yaml.ts";
import type { YamlDocument } from "@axle/core/manifest/parse-yaml.ts";
import type { z } from "zod";
import type { CredentialEntry, LoginSource, SecretSource } from "./credential-entry.ts";
import { CredentialError } from "./credential-error.ts";
import { CREDENTIALS_SCHEMA, LOGIN_KINDS, type CredentialsEntry } from "./credentials-schema.ts";
import { parseAddress, type RemoteAddress } from "./remote-address.ts";

export interface ParsedCredentials {
  readonly entries: readonly CredentialEntry[];
  readonly dockerConfigFiles: readonly string[];
}

/** GitHub, GitLab and others take any user name beside a token; GitHub's documentation uses this one. */
const TOKEN_USER = "x-access-token";
const GITHUB_API = "https://api.github.com";

/**
 * Reads a file of credentials. Throws CredentialError `bad-file` with every fault and its place; messages never repeat a
 * value, for a mistake in the indentation can put a secret anywhere.
 */
export function parseCredentials(text: string, file: string): ParsedCredentials {
  const document = readDocument(text, file);
  const parsed = CREDENTIALS_SCHEMA.safeParse(document.value);
  const faults = new Faults(document, file);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) faults.add(issue.path, describeFault(issue));
    throw faults.error();
  }
  const entries: CredentialEntry[] = [];
  for (const [index, entry] of (parsed.data.credentials ?? []).entries()) {
    const read = readEntry(entry, (path, message) => faults.add(["credentials", index, ...path], message));
    if (read === undefined) continue;
    if (
      entries.some(
        (other) => isSame(other.address, read.address) && (other.login === undefined) === (read.login === undefined),
      )
    ) {
      faults.add(["credentials", index, "url"], "this address has an entry already; join them");
    }
    entries.push(read);
  }
  if (faults.any) throw faults.error();
  return { entries, dockerConfigFiles: parsed.data.dockerConfigFiles ?? [] };
}

function readDocument(text: string, file: string): YamlDocument {
  let documents: readonly YamlDocument[];
  try {
    documents = parseYaml(text);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    // Neither its words nor the error as a cause: both may quote the file.
    const what =
      error.code === "number" ? "a number that is too long; put it in quotes" : `no valid YAML (${error.code})`;
    throw new CredentialError("bad-file", `${file}:${error.position.line}:${error.position.column}: ${what}`);
  }
  const [document, ...others] = documents;
  if (document === undefined || others.length > 0) {
    throw new CredentialError(
      "bad-file",
      `${file}: expected one document of kind Credentials, found ${documents.length}`,
    );
  }
  return document;
}

class Faults {
  readonly #document: YamlDocument;
  readonly #file: string;
  readonly #lines: string[] = [];

  constructor(document: YamlDocument, file: string) {
    this.#document = document;
    this.#file = file;
  }

  get any(): boolean {
    return this.#lines.length > 0;
  }

  add(path: readonly PropertyKey[], message: string): void {
    const { line, column } = this.#document.locate(path, "key");
    const field = path
      .map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`))
      .join("")
      .slice(1);
    this.#lines.push(`${this.#file}:${line}:${column}: ${field === "" ? "" : `${field}: `}${message}`);
  }

  error(): CredentialError {
    return new CredentialError("bad-file", this.#lines.join("\n"));
  }
}

/** Says what was expected, never what was found. */
function describeFault(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "unrecognized_keys":
      return `has ${issue.keys.length === 1 ? "a field" : "fields"} that ${issue.keys.length === 1 ? "is" : "are"} not known here`;
    case "invalid_type":
      return issue.expected === "string" ? "expected text; put numbers in quotes" : `expected ${issue.expected}`;
    case "invalid_value":
      return `expected ${issue.values.join(" or ")}`;
    case "too_small":
      return "must not be empty";
    case "custom":
    case "invalid_element":
    case "invalid_format":
    case "invalid_key":
    case "invalid_union":
    case "not_multiple_of":
    case "too_big":
      return "is not valid";
  }
}

type Refuse = (path: readonly string[], message: string) => void;

function readEntry(entry: CredentialsEntry, refuse: Refuse): CredentialEntry | undefined {
  const address = readAddress(entry, refuse);
  const kinds = LOGIN_KINDS.filter((kind) => entry[kind] !== undefined);
  const ca = secretOf(entry, "ca", (message) => refuse(["ca"], message));
  if (kinds.length > 1)
    refuse([kinds[1] as string], `one address has one login, and ${kinds[0] as string} is here already`);
  // An entry for an http:// address that holds nothing else allows it.
  if (kinds.length === 0 && ca === undefined && address?.scheme !== "http")
    refuse([], `expected one of ${LOGIN_KINDS.join(", ")}, ca or caFile`);
  if (address === undefined) return undefined;
  const [kind] = kinds;
  const fitting: readonly string[] = FITTING[address.scheme] ?? [];
  if (kind !== undefined && !fitting.includes(kind)) {
    refuse([kind], `does not fit an ${address.scheme}:// address; expected ${fitting.join(", ")}`);
  }
  if (ca !== undefined && address.scheme !== "https" && address.scheme !== "oci") {
    refuse(["ca"], `an ${address.scheme}:// address has no certificate`);
  }
  return { url: entry.url, address, login: readLogin(entry, refuse), ca };
}

const FITTING: Readonly<Record<string, readonly string[]>> = {
  https: ["basic", "token", "githubApp"],
  http: ["basic", "token", "githubApp"],
  ssh: ["ssh"],
  oci: ["registry"],
};

function readAddress(entry: CredentialsEntry, refuse: Refuse): RemoteAddress | undefined {
  const address = parseAddress(entry.url);
  if (address === undefined || FITTING[address.scheme] === undefined) {
    refuse(["url"], "expected an https://, ssh:// or oci:// address, or user@host:path");
    return undefined;
  }
  const url = URL.canParse(entry.url) ? new URL(entry.url) : undefined;
  if (url !== undefined && (url.password !== "" || (url.username !== "" && address.scheme !== "ssh"))) {
    refuse(["url"], "holds a user name or password; write them under basic or token");
    return undefined;
  }
  if (url !== undefined && (url.search !== "" || url.hash !== "")) refuse(["url"], "an address ends before ? and #");
  if (address.scheme === "http" && entry.allowHttp !== true) {
    refuse(["url"], "over http everybody on the way can read the secret: use https, or say allowHttp: true");
  }
  return address;
}

function readLogin(entry: CredentialsEntry, refuse: Refuse): LoginSource | undefined {
  const { ssh, basic, token, githubApp, registry } = entry;
  const read = (kind: string, from: object, field: string): SecretSource =>
    secretOf(from, field, (message) => refuse([kind, field], message)) ?? missing(refuse, kind, field);
  if (ssh !== undefined) {
    return { type: "ssh", privateKey: read("ssh", ssh, "privateKey"), knownHosts: read("ssh", ssh, "knownHosts") };
  }
  if (basic !== undefined) {
    return { type: "basic", username: read("basic", basic, "username"), password: read("basic", basic, "password") };
  }
  if (token !== undefined) {
    const secret = read("token", token, "token");
    if (token.scheme === "bearer") return { type: "bearer", token: secret };
    return { type: "basic", username: { type: "text", text: token.username ?? TOKEN_USER }, password: secret };
  }
  if (githubApp !== undefined) {
    const { installationId, apiUrl = GITHUB_API } = githubApp;
    const api = parseAddress(apiUrl);
    if (api?.scheme !== "https" && !(api?.scheme === "http" && entry.allowHttp === true)) {
      refuse(["githubApp", "apiUrl"], "expected an https:// address");
    }
    const privateKey = read("githubApp", githubApp, "privateKey");
    return {
      type: "githubApp",
      appId: String(githubApp.appId),
      installationId,
      apiUrl: apiUrl.replace(/\/+$/, ""),
      privateKey,
    };
  }
  if (registry !== undefined) {
    const bearer = secretOf(registry, "token", (message) => refuse(["registry", "token"], message));
    if (bearer !== undefined) return { type: "bearer", token: bearer };
    return {
      type: "basic",
      username: read("registry", registry, "username"),
      password: read("registry", registry, "password"),
    };
  }
  return undefined;
}

/** A field, or the file named in the field with `File` after its name; undefined when neither is there. */
function secretOf(from: object, field: string, refuse: (message: string) => void): SecretSource | undefined {
  const fields = from as Readonly<Record<string, unknown>>;
  const text = fields[field];
  const path = fields[`${field}File`];
  if (text !== undefined && path !== undefined) refuse(`is given twice: here and in ${field}File`);
  if (typeof path === "string") return { type: "file", path };
  return typeof text === "string" ? { type: "text", text } : undefined;
}

function missing(refuse: Refuse, kind: string, field: string): SecretSource {
  refuse([kind], field === "knownHosts" ? NO_KNOWN_HOSTS : `expected ${field} or ${field}File`);
  return { type: "text", text: "" };
}

const NO_KNOWN_HOSTS =
  "expected knownHosts or knownHostsFile: the server's host keys, from its documentation or `ssh-keyscan HOST` compared with it";

function isSame(one: RemoteAddress, other: RemoteAddress): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
