import { describe, expect, test } from "vitest";
import type { CredentialSource } from "../../credentials/credential.ts";
import { AddressRule } from "./address-rule.ts";

const never = new AbortController().signal;
const names = new Map([
  ["git.example.com", ["203.0.113.7", "2001:db8::7"]],
  ["metadata.example.com", ["203.0.113.7", "169.254.169.254"]],
  ["0xa9fea9fe", ["169.254.169.254"]],
]);

function ruleWith({ entry, ownUrl }: { readonly entry?: string; readonly ownUrl?: string } = {}): AddressRule {
  const credentials: CredentialSource = {
    credentialFor: async (url) =>
      entry !== undefined && url.startsWith(entry) ? { from: entry, login: undefined, caPem: undefined } : undefined,
    refused: () => undefined,
  };
  const resolve = async (name: string) => names.get(name) ?? Promise.reject(new Error("ENOTFOUND"));
  return new AddressRule({ credentials, resolve, ...(ownUrl !== undefined && { ownUrl }) });
}

describe("an address that the repository names", () => {
  test.each([
    "https://git.example.com/x",
    "ssh://git@git.example.com/x",
    "git@git.example.com:x",
    "https://10.0.0.1/x",
  ])("%s is asked", async (url) => {
    await ruleWith().resolve(url, never);
  });

  test.each([
    [
      "http://git.example.com/x",
      /git\.example\.com would be asked without TLS; use https, or allow it with an entry for/,
    ],
    ["http://127.0.0.1:3000/x", /an entry for http:\/\/127\.0\.0\.1:3000 in the hub's credentials/],
    ["https://169.254.169.254/x", /169\.254\.169\.254 is a link-local address: the hub does not ask those/],
    ["https://2852039166/x", /169\.254\.169\.254 is a link-local address/],
    ["https://[fe80::1]:8443/x", /\[fe80::1\]:8443 is a link-local/],
    ["https://[::ffff:169.254.169.254]/x", /is a link-local/],
    ["ssh://git@169.254.1.1/x", /is a link-local/],
    ["git@169.254.1.1:x", /is a link-local/],
    ["https://metadata.example.com/x", /metadata\.example\.com \(169\.254\.169\.254\) is a link-local/],
    ["ssh://0xa9fea9fe/x", /0xa9fea9fe \(169\.254\.169\.254\) is a link-local/],
    ["ssh://169.254.1.1%2fx@git.example.com/x", /not written as it is/],
    ["ftp://git.example.com/x", /is no address/],
  ])("%s is not", async (url, message) => {
    const asked = ruleWith().resolve(url, never);
    await expect(asked).rejects.toMatchObject({ code: "unsupported" });
    await expect(asked).rejects.toThrow(message);
  });

  test("is asked without TLS where an entry of the credentials is for it, and even then not at a link-local address", async () => {
    const rule = ruleWith({ entry: "http://" });
    await rule.check("http://127.0.0.1:3000/x", never);
    await expect(rule.check("http://169.254.169.254/x", never)).rejects.toThrow(/link-local/);
  });

  test("is asked as the repository itself where it is on the same server", async () => {
    const rule = ruleWith({ ownUrl: "http://169.254.1.1:3000/acme/fleet.git" });
    await rule.resolve("http://169.254.1.1:3000/acme/lib.git", never);
    await expect(rule.check("http://169.254.1.1:3001/acme/lib.git", never)).rejects.toThrow(/without TLS/);
    const named = ruleWith({ ownUrl: "https://metadata.example.com/acme/fleet.git" });
    expect(await named.resolve("https://metadata.example.com/lib", never)).toHaveLength(2);
  });

  test("gives what its name leads to, and nothing where nobody here knows it", async () => {
    expect(await ruleWith().resolve("https://git.example.com/x", never)).toEqual(["203.0.113.7", "2001:db8::7"]);
    expect(await ruleWith().resolve("https://behind.proxy.example/x", never)).toEqual([]);
    expect(await ruleWith().resolve("https://10.0.0.1/x", never)).toEqual([]);
  });
});
