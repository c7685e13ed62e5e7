import { describe, expect, test } from "vitest";
import { parseRemote } from "./git-environment.ts";
import { resolveSubmoduleUrl } from "./submodule-url.ts";

describe("the address of a submodule", () => {
  test.each([
    ["https://git.example/acme/fleet.git", "../lib.git", "https://git.example/acme/lib.git"],
    ["https://git.example/acme/fleet.git", "../../other/lib", "https://git.example/other/lib"],
    ["https://git.example/acme/fleet.git/", "./sub", "https://git.example/acme/fleet.git/sub"],
    ["ssh://git@git.example:2222/acme/fleet", "../lib", "ssh://git@git.example:2222/acme/lib"],
    ["git@git.example:acme/fleet.git", "../lib.git", "git@git.example:acme/lib.git"],
    ["git@git.example:fleet.git", "../lib.git", "git@git.example:lib.git"],
    ["https://git.example/acme/fleet.git", "https://other.example/x", "https://other.example/x"],
    ["https://git.example/acme/fleet.git", "git@other.example:x/y", "git@other.example:x/y"],
    ["http://git.example/acme/fleet.git", "../lib", "http://git.example/acme/lib"],
  ])("from %s, %s is %s", (parent, written, expected) => {
    expect(resolveSubmoduleUrl(parseRemote(parent), written).url).toBe(expected);
  });

  test.each([
    ["../../../x", /leaves its server/],
    ["file:///etc", /not read over file/],
    ["/etc", /not read over file/],
    ["ext::sh -c touch% x", /no address of a Git repository/],
    ["git://h/x", /not read over git/],
    ["-u./payload", /no address/],
    ["--upload-pack=touch x", /no address/],
    ["ssh://-oProxyCommand=x/y", /no address/],
    ["https://user:pw@h/x", /user name or password/],
    ["ssh://user:pw@h/x", /user name or password/],
    ["lib", /no address/],
    ["", /no address/],
  ])("%j is refused", (written, message) => {
    const resolve = () => resolveSubmoduleUrl(parseRemote("https://git.example/acme/fleet.git"), written);
    expect(resolve).toThrow(message);
    expect(resolve).toThrow(expect.objectContaining({ code: "unsupported" }));
    expect(resolve).not.toThrow(/pw/);
  });
});
