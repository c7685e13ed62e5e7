import { describe, expect, test } from "vitest";
import { explainFailure, repositoryErrorOf, sourceErrorOf } from "./explain-failure.ts";

const url = "https://git.example/acme/fleet.git";
const FOUND = "debug1: Server host key: ssh-ed25519 SHA256:abcDEF+/123";

describe("what git, curl and ssh say", () => {
  test.each([
    ["fatal: couldn't find remote ref refs/heads/x", "ref-missing", /no such branch/],
    ["remote: Not Found\nfatal: repository 'http://h/x.git/' not found", "not-found", /no such repository/],
    ["ERROR: Repository not found.\nfatal: Could not read from remote repository.", "not-found", /no such repository/],
    [
      "remote: The project you were looking for could not be found or you don't have permission",
      "not-found",
      /no such/,
    ],
    ["fatal: '/x' does not appear to be a git repository", "not-found", /no such repository/],
    [
      "fatal: Authentication failed for 'http://h/'",
      "unauthorized",
      /entry https:\/\/git.example; they may have expired/,
    ],
    [
      "fatal: could not read Username for 'http://h': terminal prompts disabled",
      "unauthorized",
      /they may have expired/,
    ],
    ["git@h: Permission denied (publickey).", "unauthorized", /does not take the deploy key/],
    ["fatal: unable to access 'http://h/': The requested URL returned error: 403", "unauthorized", /may not read/],
    [
      "fatal: unable to access 'http://h/': The requested URL returned error: 301",
      "redirected",
      /credentials follow no redirect/,
    ],
    ["fatal: unable to access 'http://h/': The requested URL returned error: 502", "unreachable", /cannot be reached/],
    ["fatal: unable to access 'http://h/': Could not resolve host: h", "unreachable", /name is not known.*DNS/],
    ["ssh: Could not resolve hostname h: Name or service not known", "unreachable", /name is not known/],
    ["ssh: connect to host h port 22: Connection timed out", "unreachable", /does not answer in time/],
    ["ssh: connect to host h port 22: Connection refused", "unreachable", /cannot be reached/],
    [
      "fatal: unable to access 'https://h/': SSL certificate problem: unable to get local issuer certificate",
      "unreachable",
      /not trusted.*caFile/,
    ],
    [
      "fatal: unable to access 'https://h/': server certificate verification failed. CAfile: none CRLfile: none",
      "unreachable",
      /not trusted/,
    ],
    [
      "fatal: unable to access 'http://h/': Failed to connect to h port 80: Couldn't connect to server",
      "unreachable",
      /cannot be reached/,
    ],
    ["fatal: remote error: upload-pack: not our ref 0123", "not-advertised", /by its id/],
    ["error: Server does not allow request for unadvertised object 0123", "not-advertised", /by its id/],
    ["error: index-pack died of signal 25\nfatal: fetch-pack: invalid index-pack output", "too-large", /larger than/],
    ["error: object file ./objects/ab/cd is empty\nfatal: loose object abcd is corrupt", "corrupt", /made anew/],
    [
      `${FOUND}\nNo ED25519 host key is known for h and you have requested strict checking.\nHost key verification failed.`,
      "unauthorized",
      /not known: found ssh-ed25519 SHA256:abcDEF\+\/123/,
    ],
    [
      "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nThe fingerprint for the RSA key sent by the remote host is\nSHA256:xyz.\nHost key verification failed.",
      "unauthorized",
      /not the one in knownHosts: found RSA SHA256:xyz\. Somebody/,
    ],
    [
      "error: cannot run ssh: No such file or directory\nfatal: unable to fork",
      "unreachable",
      /install openssh-client/,
    ],
    ["sh: 1: ssh: not found", "unreachable", /install openssh-client/],
    ["fatal: something new", "other", /something new/],
  ])("%j", (words, kind, message) => {
    const failure = explainFailure(words, { url, from: "https://git.example" });
    expect(failure.kind).toBe(kind);
    expect(failure.message).toMatch(message);
    expect(failure.message).toContain(`cannot fetch ${url}: `);
  });

  test("without credentials the remedy is to give some", () => {
    for (const words of ["returned error: 401", "returned error: 403", "git@h: Permission denied (publickey)."]) {
      expect(explainFailure(words, { url, from: undefined }).message).toMatch(
        /credentials file has no (ssh )?entry for this address/,
      );
    }
  });
});

test("S5: neither ssh's debug lines nor passwords in addresses reach a message", () => {
  const words = "debug1: identity file /x/key\nfatal: unable to access 'https://u:s3cr3t@h/': odd";
  const { message } = explainFailure(words, { url, from: undefined });
  expect(message).not.toMatch(/s3cr3t|identity/);
});

test("a failure is one of the repository's errors, or a source's", () => {
  const failure = explainFailure("fatal: couldn't find remote ref x", { url, from: undefined });
  expect(repositoryErrorOf(failure, undefined)).toMatchObject({ code: "branch-missing", message: failure.message });
  expect(sourceErrorOf(failure, undefined)).toMatchObject({
    code: "not-found",
    message: failure.message,
    mayPass: false,
  });
});
