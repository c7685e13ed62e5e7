import { describe, expect, test } from "vitest";
import { parseTree } from "./parse-tree.ts";

const oid = "0123456789abcdef0123456789abcdef01234567";

function treeOf(...entries: readonly (readonly [mode: string, name: string | Buffer])[]): Buffer {
  return Buffer.concat(
    entries.map(([mode, name]) =>
      Buffer.concat([Buffer.from(`${mode} `), Buffer.from(name as string), Buffer.from([0]), Buffer.from(oid, "hex")]),
    ),
  );
}

function parse(content: Buffer) {
  return parseTree(content, { folder: "apps", oid });
}

describe("parsing a tree", () => {
  test("tells files, executables, links, folders and submodules apart", () => {
    const content = treeOf(
      ["100644", "a"],
      ["100755", "b"],
      ["120000", "c"],
      ["40000", "d"],
      ["160000", "e"],
      ["100664", "f"],
    );
    expect(parse(content).entries).toEqual([
      { name: "a", type: "file", oid },
      { name: "b", type: "executable", oid },
      { name: "c", type: "link", oid },
      { name: "d", type: "folder", oid },
      { name: "e", type: "submodule", oid },
      { name: "f", type: "file", oid },
    ]);
  });

  test.each([
    "..",
    ".",
    "",
    "a/b",
    "../x",
    ".git",
    ".GIT",
    ".Git",
    ".g\u200cit",
    "git~1",
    "GIT~1",
    ".git ",
    ".git.",
    ".git::$INDEX",
  ])("refuses the name %j", (name) => {
    expect(() => parse(treeOf(["100644", name]))).toThrow(expect.objectContaining({ code: "escapes" }));
  });

  test("keeps names that only look like Git's", () => {
    const names = [".gitignore", ".github", "git", "x.git", ".gitattributes"];
    expect(parse(treeOf(...names.map((name) => ["100644", name] as const))).entries.map(({ name }) => name)).toEqual(
      names,
    );
  });

  test("refuses a name that stands twice, which would let a link be followed by a folder of its name", () => {
    expect(() => parse(treeOf(["120000", "a"], ["40000", "a"]))).toThrow(/"apps\/a" stands twice/);
  });

  test("leaves out names that are not UTF-8 and says which", () => {
    const { entries, unreadable } = parse(treeOf(["100644", Buffer.from([0x66, 0xfc])], ["100644", "ok"]));
    expect(entries.map(({ name }) => name)).toEqual(["ok"]);
    expect(unreadable).toEqual(["f\ufffd"]);
  });

  test("takes a tree that is cut off for damage", () => {
    const content = treeOf(["100644", "a"]);
    expect(() => parse(content.subarray(0, content.length - 1))).toThrow(expect.objectContaining({ code: "corrupt" }));
  });
});
