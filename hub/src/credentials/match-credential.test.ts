import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matchCredential } from "./match-credential.ts";
import { parseAddress, type RemoteAddress } from "./remote-address.ts";

function entry(url: string): { url: string; address: RemoteAddress } {
  const address = parseAddress(url);
  if (address === undefined) throw new TypeError(`no address: ${url}`);
  return { url, address };
}

function matched(entries: readonly string[], url: string): string | undefined {
  return matchCredential(entries.map(entry), url)?.url;
}

describe("the entry for an address", () => {
  const entries = [
    "https://github.com",
    "https://github.com/acme",
    "https://github.com/acme/fleet",
    "ssh://git@github.com/acme",
    "ssh://github.com",
    "https://git.example:8443",
    "oci://docker.io/acme",
  ];
  test.each([
    ["https://github.com/acme/fleet.git", "https://github.com/acme/fleet"],
    ["https://github.com/acme/fleet", "https://github.com/acme/fleet"],
    ["https://github.com/acme/fleet/sub", "https://github.com/acme/fleet"],
    ["https://github.com/acme/fleet-secrets", "https://github.com/acme"],
    ["https://github.com/acmevil/fleet", "https://github.com"],
    ["https://GitHub.com:443//acme/other/", "https://github.com/acme"],
    ["https://user@github.com/acme/other", "https://github.com/acme"],
    ["https://github.com/acme/../evil", "https://github.com"],
    ["https://github.com/acme/%2e%2e/evil", "https://github.com"],
    ["https://github.com./acme/other", "https://github.com/acme"],
    ["git@github.com:acme/fleet.git", "ssh://git@github.com/acme"],
    ["ssh://git@github.com:22/acme/fleet.git", "ssh://git@github.com/acme"],
    ["ssh://other@github.com/acme/fleet.git", "ssh://github.com"],
    ["ssh://git@github.com/acme/../evil", "ssh://github.com"],
    ["https://git.example:8443/a", "https://git.example:8443"],
    ["oci://registry-1.docker.io/acme/chart", "oci://docker.io/acme"],
  ])("of %s is %s", (url, expected) => {
    expect(matched(entries, url)).toBe(expected);
  });

  test.each([
    "http://github.com/acme/fleet",
    "https://github.com.evil.example/acme/fleet",
    "https://github.com@evil.example/acme/fleet",
    "https://evil.example/github.com/acme",
    "https://evil.example/https://github.com/acme",
    "https://github.com:444/acme/fleet",
    "https://git.example/a",
    "https://evil.example\\@github.com/acme",
    "ssh://git@github.com:2222/acme/fleet.git",
    "oci://github.com/acme",
    "git://github.com/acme/fleet",
    "ext::sh -c true https://github.com/acme",
    "file:///github.com/acme",
    "/github.com/acme",
    "github.com/acme",
    "",
  ])("of %j is none", (url) => {
    expect(matched(entries, url)).toBeUndefined();
  });
});

const word = fc.stringMatching(/^[a-z0-9]{1,6}$/);
const host = fc.constantFrom("git.example", "example", "evil.example", "git.example.evil.example");
const url = fc
  .record({
    scheme: fc.constantFrom("https", "http", "ssh", "oci"),
    host,
    port: fc.constantFrom("", ":443", ":8443", ":22"),
    path: fc.array(fc.oneof(word, fc.constantFrom("a", "b", "..", ".", "%2e%2e", "")), { maxLength: 5 }),
    tail: fc.constantFrom("", "/", ".git", "?x=1", "#x"),
  })
  .map(({ scheme, path, tail, ...rest }) => `${scheme}://${rest.host}${rest.port}/${path.join("/")}${tail}`);

test("S5: whatever the address, credentials go to the very scheme, host and port they were written for", () => {
  fc.assert(
    fc.property(fc.array(url, { maxLength: 6 }), url, (prefixes, asked) => {
      const found = matched(prefixes, asked);
      if (found === undefined) return;
      const [from, to] = [parseAddress(found), parseAddress(asked)];
      expect([to?.scheme, to?.host, to?.port]).toEqual([from?.scheme, from?.host, from?.port]);
      const path = new URL(asked).pathname.split("/").filter((part) => part !== "");
      const prefix = from?.segments ?? [];
      expect(path.slice(0, prefix.length).map((part) => part.replace(/\.git$/, ""))).toEqual(prefix);
    }),
  );
});

test("a longer prefix never loses to a shorter one, in whatever order they stand", () => {
  const segments = fc.array(word, { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(segments, fc.nat(5), fc.nat(5), fc.boolean(), (path, one, two, swap) => {
      const at = (length: number): string => `https://git.example/${path.slice(0, length).join("/")}`;
      const prefixes = swap ? [at(two), at(one)] : [at(one), at(two)];
      const longest = at(Math.max(one, two));
      expect(matched(prefixes, `https://git.example/${path.join("/")}`)).toBe(longest);
    }),
  );
});
