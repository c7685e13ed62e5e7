import { describe, expect, test } from "vitest";
import { gitEnvironment, parseRemote } from "./git-environment.ts";
import { repositoryErrorFrom } from "./repository-error.ts";

describe("the address of a repository", () => {
  test.each([
    ["https://git.example.com/acme/fleet.git", "https", "https://git.example.com/acme/fleet.git"],
    ["ssh://git@git.example.com/acme/fleet.git", "ssh", "ssh://git@git.example.com/acme/fleet.git"],
    ["git@git.example.com:acme/fleet.git", "ssh", "git@git.example.com:acme/fleet.git"],
    ["/srv/git/fleet.git", "file", "file:///srv/git/fleet.git"],
  ])("%s is read", (address, scheme, url) => {
    expect(parseRemote(address)).toEqual({ url, scheme, login: undefined });
  });

  test.each([
    "ext::sh -c touch% x",
    "--upload-pack=touch x",
    "-oProxyCommand=x",
    "ssh://-oProxyCommand=x/y",
    "git@-x:y",
    "git@host:-x",
    "fleet.git",
    "https://a/b\nc",
    "",
  ])("%j is refused", (address) => {
    expect(() => parseRemote(address)).toThrow(expect.objectContaining({ code: "not-found" }));
  });

  test("S5: credentials leave the address and reach no message", () => {
    const remote = parseRemote("https://robot:s%40cret@git.example.com/fleet.git");
    expect(remote.url).toBe("https://git.example.com/fleet.git");
    expect(remote.login).toEqual({ type: "basic", username: "robot", password: "s@cret" });
    const error = repositoryErrorFrom(
      new Error("fatal: unable to access 'https://robot:s@cret@git.example.com/'"),
      "fetch",
    );
    expect(error.message).not.toContain("cret");
  });
});

test("git sees nothing of the hub's environment but what it needs to reach a server", () => {
  const own = { PATH: "/bin", HOME: "/root", AWS_SECRET_ACCESS_KEY: "x", GIT_DIR: "/x", HTTPS_PROXY: "http://proxy" };
  const environment = gitEnvironment(own, "https");
  expect(environment).toMatchObject({
    PATH: "/bin",
    HTTPS_PROXY: "http://proxy",
    HOME: "/nonexistent",
    GIT_ALLOW_PROTOCOL: "https",
  });
  expect(environment).not.toHaveProperty("AWS_SECRET_ACCESS_KEY");
  expect(environment).not.toHaveProperty("GIT_DIR");
});

test.each([
  ["fatal: couldn't find remote ref refs/heads/x", "branch-missing"],
  ["remote: Not Found\nfatal: repository 'http://h/x.git/' not found", "not-found"],
  ["fatal: '/x' does not appear to be a git repository", "not-found"],
  ["fatal: Authentication failed for 'http://h/'", "auth"],
  ["fatal: could not read Username for 'http://h': terminal prompts disabled", "auth"],
  ["git@h: Permission denied (publickey).", "auth"],
  ["Host key verification failed.", "auth"],
  ["fatal: unable to access 'http://h/': The requested URL returned error: 403", "auth"],
  ["fatal: unable to access 'http://h/': The requested URL returned error: 502", "unreachable"],
  ["fatal: unable to access 'http://h/': Could not resolve host: h", "unreachable"],
  [
    "fatal: unable to access 'http://h/': Failed to connect to h port 80 after 0 ms: Couldn't connect to server",
    "unreachable",
  ],
  ["error: object file ./objects/ab/cd is empty\nfatal: loose object abcd is corrupt", "corrupt"],
  ["fatal: not a git repository: '/x/mirror.git'", "corrupt"],
  ["fatal: something new", "git"],
])("git's %j is understood as %s", (words, code) => {
  expect(repositoryErrorFrom(new Error(words), "cannot fetch")).toMatchObject({ code });
});
