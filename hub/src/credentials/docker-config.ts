import type { CredentialEntry, LoginSource } from "./credential-entry.ts";
import { CredentialError } from "./credential-error.ts";
import { parseAddress } from "./remote-address.ts";

/**
 * Entries for OCI registries from a file as `docker login` writes it. Throws CredentialError `bad-file`, also where the
 * password is in a program of the machine that wrote it (`credsStore`), which the hub does not run.
 */
export function readDockerConfig(text: string, file: string): readonly CredentialEntry[] {
  const refuse = (message: string): CredentialError => new CredentialError("bad-file", `${file}: ${message}`);
  const auths = fieldOf(parseJson(text), "auths");
  if (typeof auths !== "object" || auths === null)
    throw refuse("expected JSON with auths, as `docker login` writes it");
  return Object.entries(auths).map(([key, value]) => {
    const url = `oci://${key.replace(/^https?:\/\//, "").replace(/\/v[12]\/?$/, "")}`;
    const address = parseAddress(url);
    if (address === undefined) throw refuse("a key of auths is no address of a registry");
    const login = readLogin(value);
    if (login === undefined) {
      const why = `has no password for ${address.host}; it may be in a credential store, so log in where none is set`;
      throw refuse(why);
    }
    return { url, address, login, ca: undefined };
  });
}

function readLogin(value: unknown): LoginSource | undefined {
  const token = fieldOf(value, "registrytoken");
  if (typeof token === "string" && token !== "") return { type: "bearer", token: { type: "text", text: token } };
  const auth = fieldOf(value, "auth");
  const decoded = typeof auth === "string" ? Buffer.from(auth, "base64").toString("utf8").replace(/\0+$/, "") : "";
  const colon = decoded.indexOf(":");
  const username = colon < 0 ? fieldOf(value, "username") : decoded.slice(0, colon);
  const password = colon < 0 ? fieldOf(value, "password") : decoded.slice(colon + 1);
  if (typeof username !== "string" || typeof password !== "string" || password === "") return undefined;
  return { type: "basic", username: { type: "text", text: username }, password: { type: "text", text: password } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The parser's words quote the file; what is wrong is said by who misses the field.
    return undefined;
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
