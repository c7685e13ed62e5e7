import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readSubmodules } from "./read-submodules.ts";

function listed(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key}\n${value}\0`)
    .join("");
}

test("path and url are read, whatever the name", () => {
  const text = listed({
    "submodule.libs/a.b.path": "libs/a",
    "submodule.libs/a.b.url": "../a.git",
    "submodule.libs/a.b.update": "!touch /x",
    "submodule.libs/a.b.branch": "main",
    "user.name": "x",
  });
  expect(readSubmodules(text)).toEqual({
    entries: new Map([["libs/a", { path: "libs/a", url: "../a.git" }]]),
    refused: new Map(),
  });
});

describe("what git once believed is refused", () => {
  test.each([
    ["../../modules/x", "libs/a", "../a.git", /name with \.\./],
    ["x\\..\\..\\y", "libs/a", "../a.git", /name with \.\./],
    ["-x", "libs/a", "../a.git", /name git would misread/],
    ["a", "-libs", "../a.git", /path git would misread/],
    ["a", "libs\\a", "../a.git", /path git would misread/],
    ["a", "libs\r", "../a.git", /path git would misread/],
    ["a", "../libs", "../a.git", /leaves the repository/],
    ["a", "/libs", "../a.git", /leaves the repository/],
    ["a", "libs/.git", "../a.git", /Git's own/],
    ["a", ".GIT/hooks", "../a.git", /Git's own/],
    ["a", "libs/a", "-u./x", /url git would misread/],
    ["a", "libs/a", "https://h/x\nexec", /url git would misread/],
    ["a", "libs/a", "", /no url/],
  ])("name %j, path %j, url %j", (name, path, url, why) => {
    const { entries, refused } = readSubmodules(
      listed({ [`submodule.${name}.path`]: path, [`submodule.${name}.url`]: url }),
    );
    expect(entries.size).toBe(0);
    expect(refused.get(path)).toMatch(why);
  });

  test("two entries for one path, and one setting twice", () => {
    const one = "submodule.a.path\nlibs\0submodule.a.url\n../a\0";
    expect(readSubmodules(`${one}${one.replaceAll(".a.", ".b.")}`).refused.get("libs")).toMatch(/two entries/);
    expect(readSubmodules(`${one}submodule.a.url\n../b\0`).refused.get("libs")).toMatch(/twice/);
  });
});

test("whatever the file holds, no path that is let through leaves the repository", () => {
  const part = fc.constantFrom("..", ".", ".git", "a", "", "-x", "/", "\\", "submodule.", ".path", ".url", "\n", "\0");
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 30 }).map((parts) => parts.join("")),
      (text) => {
        for (const [path] of readSubmodules(text).entries) {
          expect(path.split("/").some((name) => ["", ".", "..", ".git"].includes(name.toLowerCase()))).toBe(false);
          expect(path).not.toMatch(/^-|\\/);
        }
      },
    ),
  );
});
